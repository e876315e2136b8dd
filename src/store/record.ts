import { parseDate } from '../birthday.ts'
import { UnreadableRecord } from './store.ts'

/** The date that `value`, found under `key`, stands for; throws `UnreadableRecord` when it is none. */
export function readRecord(key: string, value: string): Temporal.PlainDate {
  const date = parseDate(value)
  if (!date) throw new UnreadableRecord(key)
  return date
}
