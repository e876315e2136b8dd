import type { KeyObject } from 'node:crypto'
import { rm } from 'node:fs/promises'
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

/** Prints the receipt, and writes it to a file if requested, signed beside it if there is a key. */
export async function writeReceipt(output: Output, receipt: Receipt): Promise<void> {
  if (output.receipt) await writeSigned(signedPath(output.receipt), receipt, output.receiptKey)
  const json = asJson(receipt)
  if (output.receipt) await Bun.write(output.receipt, json)
  if (output.json) process.stdout.write(json)
  const stream = output.json ? process.stderr : process.stdout
  const paint = painter(stream)
  const [first = '', ...rest] = receiptLines(receipt)
  const colour = COLOURS[receipt.verdict]
  stream.write(`\n${paint(colour, first)}\n${rest.join('\n')}\n`)
}

const asJson = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`

/** Leaves none of an earlier rollout. One that cannot be signed gets a note: the rollout has ended as it says. */
async function writeSigned(
  path: string,
  receipt: Receipt,
  key: KeyObject | undefined,
): Promise<void> {
  await rm(path, { force: true })
  if (!key) return
  try {
    await Bun.write(path, asJson(signReceipt(receipt, key)))
  } catch (error) {
    receipt.notes.push((error as Error).message)
  }
}

const COLOURS: Record<Verdict, 'green' | 'yellow' | 'red'> = {
  shipped: 'green',
  skipped: 'yellow',
  'rolled back': 'yellow',
  failed: 'red',
  cancelled: 'red',
  'timed out': 'red',
  'lost sight': 'red',
}
