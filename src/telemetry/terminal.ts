import { name } from '../../package.json'

/** Not all of the output could be written; the message says why. */
export class NotWritten extends Error {}

/**
 * `text` on one line, with characters that a terminal obeys or does not show as their numbers, such as `\u{1b}`: a path, a
 * variable or an answer may hold any.
 */
export function spelledOut(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}

/** Says `text` in a line on standard error. */
export function say(text: string): void {
  console.error(`${name}: ${spelledOut(text)}`)
}

/** Writes `text` to standard output as it is. Throws `NotWritten` when that is full or closed. */
export async function print(text: string): Promise<void> {
  const output = Bun.stdout.writer()
  try {
    await output.write(text)
    await output.flush()
  } catch (error) {
    throw new NotWritten(`cannot write to standard output: ${(error as Error).message}`)
  }
}
