import { name } from '../../package.json'
import { parseDate } from '../birthday.ts'
import { type KeyValueStore, UnreadableRecord } from './key-value.ts'
import type { Store } from './store.ts'

/** Version of the format in which a birthday is stored; another format gets another version, and so other keys. */
const FORMAT = 'v1'

/**
 * The key under which the birthday of `username` is kept. The user's name is not in it, so that a key can stand in a log:
 * the service's name, the version of the format, and the SHA-256 of the user name's UTF-8 bytes.
 */
export function birthdayKey(username: string): string {
  return `${name}:${FORMAT}:${new Bun.CryptoHasher('sha256').update(username).digest('hex')}`
}

/** Birthdays as strings in `records`; `close` closes those. */
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
