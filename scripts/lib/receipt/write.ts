import type { KeyObject } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { painter } from '../cli/format.ts'
import { type Receipt, receiptLines, type Verdict } from './receipt.ts'
import { signedPath, signReceipt } from './signed.ts'

/** Where a receipt goes. */
export interface Output {
  json: boolean
  receipt: string | undefined
  /** Signs the receipt; only with a file to write it to. */
  receiptKey: KeyObject | undefined
}

type Streams = Record<'stdout' | 'stderr', Pick<NodeJS.WriteStream, 'write' | 'isTTY'>>

/**
 * Prints the receipt, and then writes it to a file if requested, signed beside it if there is a key. Never throws: what
 * cannot be signed or written becomes a note, for the rollout has ended as the receipt says.
 */
export function writeReceipt(
  output: Output,
  receipt: Receipt,
  { stdout, stderr }: Streams = process,
): void {
  const { receipt: path, receiptKey } = output
  const stream = output.json ? stderr : stdout
  let signed: string | undefined
  try {
    if (path && receiptKey) signed = asJson(signReceipt(receipt, receiptKey))
  } catch (error) {
    receipt.notes.push((error as Error).message)
  }
  const json = asJson(receipt)
  if (output.json) stdout.write(json)
  const paint = painter(stream)
  const [first = '', ...rest] = receiptLines(receipt)
  stream.write(`\n${paint(COLOURS[receipt.verdict], first)}\n${rest.join('\n')}\n`)
  if (!path) return
  try {
    // None of an earlier rollout is left.
    rmSync(signedPath(path), { force: true })
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, json)
    if (signed) writeFileSync(signedPath(path), signed)
  } catch (error) {
    const why = (error as Error).message
    stream.write(`note        the receipt could not be written to ${path}: ${why}\n`)
  }
}

const asJson = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`

const COLOURS: Record<Verdict, 'green' | 'yellow' | 'red'> = {
  shipped: 'green',
  skipped: 'yellow',
  'rolled back': 'yellow',
  failed: 'red',
  cancelled: 'red',
  'timed out': 'red',
  'lost sight': 'red',
}
