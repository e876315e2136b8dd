/** Where birthdays are kept. Every store fulfils the contract in test/service/store/contract.ts. */
export interface Store {
  /** The date of birth of `username`, undefined when none is stored. */
  birthdayOf(username: string): Promise<Temporal.PlainDate | undefined>
  /** Saves or replaces; when it resolves, the write is as durable as the store is configured to make it. */
  saveBirthday(username: string, date: Temporal.PlainDate): Promise<void>
  /** True when there was something to forget. */
  forgetBirthday(username: string): Promise<boolean>
  /** Resolves when the store answers. */
  ping(): Promise<void>
  close(): Promise<void>
}
