import { createToken } from '../../src/config/tokens.ts'

/** Whose birthday the contract is checked with, and the birthday that is read and written. */
export const PATH = '/hello/Ada'
export const BIRTHDAY = '{"dateOfBirth":"1815-12-10"}'

/** Sent with every request; only the service, in production's configuration, asks for it. */
const { token, entry } = createToken('write')
export const TOKENS = entry
export const AUTHORIZATION = `Bearer ${token}`

export const READ = { method: 'GET', headers: { Authorization: AUTHORIZATION } }
export const SAVE = {
  method: 'PUT',
  headers: { Authorization: AUTHORIZATION, 'Content-Type': 'application/json' },
  body: BIRTHDAY,
}
