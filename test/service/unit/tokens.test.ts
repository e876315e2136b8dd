import { expect, test } from 'bun:test'
import { createToken, parseTokenHashes, scopeOf } from '../../../src/config/tokens.ts'

test('a new token is recognised by its entry, with its scope', () => {
  const reader = createToken('read')
  const writer = createToken('write')
  const hashes = parseTokenHashes(`${reader.entry},\n${writer.entry}`) ?? []
  expect(scopeOf(reader.token, hashes)).toBe('read')
  expect(scopeOf(writer.token, hashes)).toBe('write')
  expect(scopeOf(`${writer.token}x`, hashes)).toBeUndefined()
})

test('the entry does not hold the token', () => {
  const { token, entry } = createToken('write')
  expect(entry).not.toContain(token.slice(6))
})

test('a list with one malformed entry is refused', () => {
  expect(parseTokenHashes(`${createToken('read').entry},admin:00`)).toBeUndefined()
})
