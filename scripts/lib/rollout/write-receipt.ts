import type { KeyObject } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { painter } from '../format.ts'
import { type Receipt, receiptLines } from './receipt.ts'
import type { Settings } from './settings.ts'
import { signedPath, signReceipt } from './signed-receipt.ts'
import type { Verdict } from './verdict.ts'

/** Prints the receipt, and writes it to a file if requested, signed beside it if there is a key. */
export async function writeReceipt(settings: Settings, receipt: Receipt): Promise<void> {
  if (settings.receipt)
    await writeSigned(signedPath(settings.receipt), receipt, settings.receiptKey)
  const json = asJson(receipt)
  if (settings.receipt) await Bun.write(settings.receipt, json)
  if (settings.json) process.stdout.write(json)
  const stream = settings.json ? process.stderr : process.stdout
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
