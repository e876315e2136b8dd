import { createToken } from '../../../src/config/tokens.ts'

/** Whose birthday the contract is checked with. */
export const PATH = '/hello/Ada'

/** What is written under load; the year differs from write to write. */
export const BIRTHDAY = '{"dateOfBirth":"YYYY-12-10"}'

/** Sent with every request; only the service, in production's configuration, asks for it. */
const { token, entry } = createToken('write')
export const TOKENS = entry
export const AUTHORIZATION = `Bearer ${token}`

export const READ = { method: 'GET', headers: { Authorization: AUTHORIZATION } }
export const SAVE = {
  method: 'PUT',
  headers: { Authorization: AUTHORIZATION, 'Content-Type': 'application/json' },
  body: BIRTHDAY.replace('YYYY', '1815'),
}
