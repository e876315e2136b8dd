import { name } from '../../package.json'
import { type KeyValueStore, UnreadableRecord } from '../store/key-value.ts'
import { parseDate } from './birthday.ts'

/** Where birthdays are kept. */
export interface Store {
  /** The date of birth of `username`, undefined when none is stored. */
  birthdayOf(username: string): Promise<Temporal.PlainDate | undefined>
  /** Saves or replaces; when it resolves, the write is as durable as the store is configured to make it. */
  saveBirthday(username: string, date: Temporal.PlainDate): Promise<void>
  /** True when there was something to forget. */
  forgetBirthday(username: string): Promise<boolean>
  /** Resolves when the store can be read and written. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** What is counted. */
export const OPERATIONS = ['birthdayOf', 'saveBirthday', 'forgetBirthday', 'ping'] as const

/** Version of the storage format of a birthday; a new format gets a new version, and so new keys. */
const FORMAT = 'v1'

/**
 * The key under which the birthday of `username` is stored: the service's name, the format version, and the SHA-256 of
 * the user name's UTF-8 bytes. It does not contain the user name, so it may be logged.
 */
export function birthdayKey(username: string): string {
  return `${name}:${FORMAT}:${Bun.SHA256.hash(username, 'hex')}`
}

/** What birthdays are in a key-value store. */
export const RECORDS = {
  prefix: `${name}:${FORMAT}:`,
  isValid: (key: string, value: string) =>
    new RegExp(`^${name}:${FORMAT}:[0-9a-f]{64}$`).test(key) && parseDate(value) !== undefined,
}

/** Birthdays as strings in `records`; `close` closes them. */
export function storeIn(records: KeyValueStore): Store {
  return {
    async birthdayOf(username) {
      const key = birthdayKey(username)
      const value = await records.get(key)
      if (value === null) return undefined
      const date = parseDate(value)
      if (!date) throw new UnreadableRecord(key)
      return date
    },
    saveBirthday: (username, date) => records.set(birthdayKey(username), date.toString()),
    forgetBirthday: (username) => records.delete(birthdayKey(username)),
    ping: records.ping,
    close: records.close,
  }
}
