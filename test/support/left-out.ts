/** Says once for each file of tests what is left out, and why, in the words that scripts/test repeats at its end. */
export function sayWhatIsLeftOut(what: string, reason: string | undefined): void {
  if (reason) console.log(`left out: ${what}: ${reason}`)
}
