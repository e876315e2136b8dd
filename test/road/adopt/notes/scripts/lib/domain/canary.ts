import { type Canary, fieldsOf } from '../service.ts'

const pathOf = (key: string): string => `/notes/${key}`
const isEmpty = (body: string): boolean => body === ''

/** Notes: the requests of the rollout probe, of compat, the rehearsal, its load and many tests, and the right answers. */
export const canary: Canary = {
  key: 'canary',
  keyOf: (word, index) => `${word.toLowerCase()}-${index}`,
  value: (turn) => `note ${turn % 100}`,
  keys: (word) => [
    word.toLowerCase(),
    `${word.toLowerCase()}-a`,
    word.toLowerCase().padEnd(64, 'x'),
  ],
  values: ['a', '0', 'Zo\u00eb \u{1f382}', '"quoted" \\ \n', 'x'.repeat(2000)],
  write: (key, value) => ({
    method: 'PUT',
    path: pathOf(key),
    body: JSON.stringify({ text: value }),
    status: 204,
    isRight: isEmpty,
  }),
  read: (key, value) => ({
    method: 'GET',
    path: pathOf(key),
    status: 200,
    isRight: (body) => fieldsOf(body).text === value,
  }),
  remove: (key) => ({ method: 'DELETE', path: pathOf(key), status: 204, isRight: isEmpty }),
  readNothing: (key) => ({
    method: 'GET',
    path: pathOf(key),
    status: 404,
    isRight: (body) => fieldsOf(body).status === 404,
  }),
  answer: (_, body) => JSON.stringify({ text: fieldsOf(body).text }),
}
