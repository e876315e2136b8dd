import { expect, test } from 'bun:test'
import { name } from '../../../../package.json'
import { birthdayKey, RECORDS, storeIn } from '../../../../src/domain/store.ts'
import { UnreadableRecord } from '../../../../src/store/key-value.ts'
import { createMemoryStore } from '../../../../src/store/memory.ts'

const date = (text: string) => Temporal.PlainDate.from(text)

test('returns what was saved, replaces it on the next save, and forgets it once', async () => {
  const store = storeIn(createMemoryStore())
  expect(await store.birthdayOf('Ada')).toBeUndefined()
  for (const day of ['1815-12-10', '0001-01-01']) {
    await store.saveBirthday('Ada', date(day))
    expect(String(await store.birthdayOf('Ada'))).toBe(day)
  }
  expect(await store.forgetBirthday('Ada')).toBe(true)
  expect(await store.forgetBirthday('Ada')).toBe(false)
  expect(await store.birthdayOf('Ada')).toBeUndefined()
})

test('tells users apart, also by case and script', async () => {
  const store = storeIn(createMemoryStore())
  const users = ['Grace', 'grace', 'Грейс', '恩典', 'é'.repeat(64)]
  for (const [index, user] of users.entries()) {
    await store.saveBirthday(user, date(`190${index}-01-01`))
  }
  const found = await Promise.all(users.map((user) => store.birthdayOf(user)))
  expect(found.map(String)).toEqual(users.map((_, index) => `190${index}-01-01`))
})

test.each(['{"v":2,"dateOfBirth":"1815-12-10"}', '1815-02-30', '', '18151210'])(
  'the value %j, which this release would never write, is an error that names the key, and is not exported',
  async (value) => {
    const records = createMemoryStore()
    const key = birthdayKey('Planted')
    await records.set(key, value)
    const error = await storeIn(records)
      .birthdayOf('Planted')
      .catch((error) => error)
    expect(error).toBeInstanceOf(UnreadableRecord)
    expect(error.message).toContain(key)
    expect(RECORDS.isValid(key, value)).toBe(false)
  },
)

test('keys contain a version and no user name, and only such keys are exported', () => {
  const key = `${name}:v1:${new Bun.CryptoHasher('sha256').update('Ada').digest('hex')}`
  expect(birthdayKey('Ada')).toBe(key)
  expect(key.startsWith(RECORDS.prefix)).toBe(true)
  expect(RECORDS.isValid(key, '1815-12-10')).toBe(true)
  expect(RECORDS.isValid(key.replace(':v1:', ':v2:'), '1815-12-10')).toBe(false)
})
