import { name } from '../../package.json'
import { parseDate } from '../birthday.ts'
import { type KeyValueStore, UnreadableRecord } from './key-value.ts'
import type { Store } from './store.ts'

/** Version of the storage format of a birthday; a new format gets a new version, and so new keys. */
const FORMAT = 'v1'

/**
 * The key under which the birthday of `username` is stored: the service's name, the format version, and the SHA-256 of
 * the user name's UTF-8 bytes. It does not contain the user name, so it may be logged.
 */
export function birthdayKey(username: string): string {
  return `${name}:${FORMAT}:${Bun.SHA256.hash(username, 'hex')}`
}

/** Birthdays as strings in `records`; `close` closes them. */
export function storeBirthdaysIn(records: KeyValueStore): Store {
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
