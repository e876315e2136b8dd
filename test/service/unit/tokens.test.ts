import { expect, test } from 'bun:test'
import { name } from '../../../package.json'
import {
  createToken,
  entryOf,
  fingerprintOf,
  parseTokenHashes,
} from '../../../src/config/tokens.ts'

test('a new token is recognised by its entry, with its scope', () => {
  const reader = createToken('read')
  const writer = createToken('write')
  const hashes = parseTokenHashes(`${reader.entry},\n${writer.entry}`) ?? []
  expect(entryOf(reader.token, hashes)?.scope).toBe('read')
  expect(entryOf(writer.token, hashes)?.scope).toBe('write')
  expect(entryOf(`${writer.token}x`, hashes)).toBeUndefined()
  // 256 random bits, and a name by which scanners for secrets know it.
  expect(reader.token).toMatch(new RegExp(`^${name.replaceAll('-', '_')}_[\\w-]{43}$`))
})

test('the entry does not hold the token', () => {
  const { token, entry } = createToken('write')
  expect(entry).not.toContain(token.slice(6))
})

test('a list with one malformed entry is refused', () => {
  expect(parseTokenHashes(`${createToken('read').entry},admin:00`)).toBeUndefined()
})

test('an entry may have a label, and a label a date', () => {
  const { token, entry } = createToken('write', 'ci.deploy-2')
  expect(entry).toMatch(/^write:[0-9a-f]{64}:ci\.deploy-2:\d{4}-\d\d-\d\d$/)
  const [scope, hash] = entry.split(':')
  for (const [list, named] of [
    [entry, { label: 'ci.deploy-2', madeOn: String(Temporal.Now.plainDateISO('UTC')) }],
    [`${scope}:${hash}:ci`, { label: 'ci' }],
  ] as const) {
    const [parsed] = parseTokenHashes(list) ?? []
    expect(parsed).toEqual({ scope: 'write', sha256: Buffer.from(hash ?? '', 'hex'), ...named })
    expect(entryOf(token, [parsed as NonNullable<typeof parsed>])).toBe(parsed)
  }
  for (const more of [':', ':a b', ':ci:', ':ci:yesterday', ':ci:2026-11-30:more'])
    expect(parseTokenHashes(`${scope}:${hash}${more}`)).toBeUndefined()
})

const { entry } = createToken('write')
const [, hash] = entry.split(':')

test('a token that is listed twice is refused: with two scopes, which would it have?', () => {
  for (const list of [`${entry},${entry}`, `${entry}\n${entry.replace('write', 'read')}:ci`])
    expect(() => parseTokenHashes(list)).toThrow(
      'entry 2: got a token that is there before, expected each once',
    )
})

test.each([
  ['nothing', ''],
  ['white space', ' '],
  ['a comma', ','],
  ['a comma at the end', `${entry},`],
  ['a comma at the beginning', `,${entry}`],
  ['two commas', `${entry},,${createToken('read').entry}`],
])('a list with an empty entry is refused: %s', (_, list) => {
  expect(parseTokenHashes(list)).toBeUndefined()
})

test('a date that is none is refused; one that has not come by a clock that is behind is not', () => {
  const dated = (date: string) => parseTokenHashes(`read:${hash}:ci:${date}`)
  for (const date of ['2026-02-30', '2025-13-01', '0000-00-00'])
    expect(() => dated(date)).toThrow(`entry 1: got the date ${date}, expected a day`)
  for (const date of ['2024-02-29', '9999-12-31'])
    expect(dated(date)).toMatchObject([{ madeOn: date }])
})

test('a fingerprint tells the same secrets from others, whatever tokens are called and in which order they are', () => {
  const [one, two] = [createToken('read', 'one').entry, createToken('write').entry]
  const of = (list: string, password?: string) => fingerprintOf(parseTokenHashes(list), password)
  const known = of(`${one},${two}`, 'secret')
  expect(known).toMatch(/^[0-9a-f]{16}$/)
  expect(of(`${two}:shop,${one}`, 'secret')).toBe(known)
  const others = [of(one, 'secret'), of(`${one},${two}`, 'other'), of(`${one},${two}`), of('')]
  expect(new Set([known, ...others]).size).toBe(5)
})
