import { beforeAll, expect, test } from 'bun:test'
import { name } from '../../../package.json'
import type { Store } from '../../../src/domain/store.ts'
import { birthdayKey } from '../../../src/domain/store.ts'
import { UnreadableRecord } from '../../../src/store/key-value.ts'

export interface StoreUnderTest {
  store: Store
  /** Writes `value` where the store keeps the birthday with this key, bypassing the store. */
  plant(key: string, value: string): Promise<unknown>
}

const date = (text: string) => Temporal.PlainDate.from(text)

/** What every store must do; called inside a `describe` with an empty store. */
export function keepsTheContract(open: () => Promise<StoreUnderTest>): void {
  let subject: StoreUnderTest
  beforeAll(async () => {
    subject = await open()
  }, 60_000)

  test('returns what was saved, and replaces it on the next save', async () => {
    const { store } = subject
    expect(await store.birthdayOf('Ada')).toBeUndefined()
    await store.saveBirthday('Ada', date('1815-12-10'))
    expect(String(await store.birthdayOf('Ada'))).toBe('1815-12-10')
    await store.saveBirthday('Ada', date('0001-01-01'))
    expect(String(await store.birthdayOf('Ada'))).toBe('0001-01-01')
  })

  test('tells users apart, also by case and script', async () => {
    const { store } = subject
    const users = ['Grace', 'grace', 'Грейс', '恩典', 'é'.repeat(64)]
    await Promise.all(
      users.map((user, index) => store.saveBirthday(user, date(`190${index}-01-01`))),
    )
    const found = await Promise.all(users.map((user) => store.birthdayOf(user)))
    expect(found.map(String)).toEqual(users.map((_, index) => `190${index}-01-01`))
  })

  test('forgetting says whether there was something to forget', async () => {
    const { store } = subject
    await store.saveBirthday('Alan', date('1912-06-23'))
    expect(await store.forgetBirthday('Alan')).toBe(true)
    expect(await store.forgetBirthday('Alan')).toBe(false)
    expect(await store.birthdayOf('Alan')).toBeUndefined()
  })

  test('a thousand users saved at once each have their own date', async () => {
    const { store } = subject
    const users = Array.from(
      { length: 1000 },
      (_, index) => `User${'ab'.repeat(index % 20)}${index}`,
    )
    const dates = users.map((_, index) => date('1900-01-01').add({ days: index }))
    await Promise.all(
      users.map((user, i) => store.saveBirthday(user, dates[i] as Temporal.PlainDate)),
    )
    const found = await Promise.all(users.map((user) => store.birthdayOf(user)))
    expect(found.map(String)).toEqual(dates.map(String))
  })

  test.each(['{"v":2,"dateOfBirth":"1815-12-10"}', '1815-02-30', '', '18151210'])(
    'the value %j, which this release would never write, is an error that names the key',
    async (value) => {
      const { store, plant } = subject
      const key = birthdayKey('Planted')
      await plant(key, value)
      const error = await store.birthdayOf('Planted').catch((error) => error)
      expect(error).toBeInstanceOf(UnreadableRecord)
      expect(error.message).toContain(key)
    },
  )

  test('keys contain a version and no user name', () => {
    expect(birthdayKey('Ada')).toBe(
      `${name}:v1:${new Bun.CryptoHasher('sha256').update('Ada').digest('hex')}`,
    )
  })

  test('answers a ping', async () => {
    await subject.store.ping()
  })
}
