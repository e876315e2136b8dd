import { beforeAll, expect, test } from 'bun:test'
import { name } from '../../../package.json'
import type { KeyValueStore } from '../../../src/store/key-value.ts'

/** The key of `word`: the users of some stores may use no other prefix. */
export const keyOf = (word: string): string => `${name}:${word}`

/** What every store must do; called inside a `describe` with an empty store. */
export function keepsTheContract(open: () => Promise<KeyValueStore>): void {
  let store: KeyValueStore
  beforeAll(async () => {
    store = await open()
  }, 60_000)

  test('returns what was set, and replaces it when it is set again', async () => {
    expect(await store.get(keyOf('Ada'))).toBeNull()
    await store.set(keyOf('Ada'), 'one')
    expect(await store.get(keyOf('Ada'))).toBe('one')
    await store.set(keyOf('Ada'), 'two')
    expect(await store.get(keyOf('Ada'))).toBe('two')
  })

  test('tells keys apart, also by case and script', async () => {
    const keys = ['Grace', 'grace', 'Грейс', '恩典', 'é'.repeat(64)].map(keyOf)
    await Promise.all(keys.map((key, index) => store.set(key, String(index))))
    const found = await Promise.all(keys.map((key) => store.get(key)))
    expect(found).toEqual(keys.map((_, index) => String(index)))
  })

  test('deleting says whether there was something to delete', async () => {
    await store.set(keyOf('Alan'), 'here')
    expect(await store.delete(keyOf('Alan'))).toBe(true)
    expect(await store.delete(keyOf('Alan'))).toBe(false)
    expect(await store.get(keyOf('Alan'))).toBeNull()
  })

  test('a thousand keys set at once each have their own value', async () => {
    const keys = Array.from({ length: 1000 }, (_, index) =>
      keyOf(`${'ab'.repeat(index % 20)}${index}`),
    )
    await Promise.all(keys.map((key, index) => store.set(key, `value ${index}`)))
    const found = await Promise.all(keys.map((key) => store.get(key)))
    expect(found).toEqual(keys.map((_, index) => `value ${index}`))
  })

  test.each(['', '{"json":true}\r\n', 'Zoë 恩典 \u{1f382}', 'x'.repeat(16_000)])(
    'a value may be any text, such as %j',
    async (value) => {
      await store.set(keyOf('Text'), value)
      expect(await store.get(keyOf('Text'))).toBe(value)
    },
  )

  test('answers a ping', async () => {
    await store.ping()
  })
}
