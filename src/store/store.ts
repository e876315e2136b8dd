/** Where birthdays are kept. Every store keeps the contract in test/store/contract.ts. */
export interface Store {
  /** The date of birth of `username`, undefined when none is stored. */
  birthdayOf(username: string): Promise<Temporal.PlainDate | undefined>
  /** Saves or replaces; when it resolves, the write is as durable as the store is set up to make it. */
  saveBirthday(username: string, date: Temporal.PlainDate): Promise<void>
  /** True when there was something to forget. */
  forgetBirthday(username: string): Promise<boolean>
  /** Resolves when the store answers. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** The store did not answer, or not in time: an expected event, answered with 503. */
export class StoreUnavailable extends Error {}

/** The store holds something that this release does not understand, and does not guess at. */
export class UnreadableRecord extends Error {
  constructor(key: string) {
    super(`the value of ${key} is not one that this release can read`)
  }
}

/** Version of the format in which a birthday is stored; another format gets another version, and so other keys. */
const FORMAT = 'v1'

/**
 * The key under which the birthday of `username` is kept. The name itself is not in it, so that a key
 * can stand in a log: `hello:v1:` and the SHA-256 of the name's UTF-8 bytes.
 */
export function birthdayKey(username: string): string {
  return `hello:${FORMAT}:${new Bun.CryptoHasher('sha256').update(username).digest('hex')}`
}
