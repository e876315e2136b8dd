/** Says once per test file what is left out, and why, in the form that scripts/test repeats at its end. */
export function sayWhatIsLeftOut(what: string, reason: string | undefined): void {
  if (reason) console.log(`left out: ${what}: ${reason}`)
}
