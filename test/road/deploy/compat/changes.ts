import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { name } from '../../../../package.json'
import { canary } from '../../../../scripts/lib/domain/canary.ts'
import type { Config } from '../../../../src/config/config.ts'
import type { KeyValueStore } from '../../../../src/store/key-value.ts'

/** One change of a release: how it stores, or how it answers. */
export interface Change {
  records?(records: KeyValueStore, config: Config): KeyValueStore
  answer?(
    request: Request,
    app: (request: Request) => Promise<Response>,
  ): Promise<Response> | undefined
}

/** Values are written by `write` and read by `read`. */
const format = (write: (value: string) => string, read: (value: string) => string): Change => ({
  records: (records) => ({
    ...records,
    async get(key) {
      const value = await records.get(key)
      return value === null ? null : read(value)
    },
    set: (key, value) => records.set(key, write(value)),
  }),
})

const keys = (rename: (key: string) => string): Change => ({
  records: (records) => ({
    ...records,
    get: (key) => records.get(rename(key)),
    set: (key, value) => records.set(rename(key), value),
    delete: (key) => records.delete(rename(key)),
  }),
})

/** PUTs whose body `isRefused` get 400. */
const stricter = (isRefused: (body: string) => boolean): Change => ({
  answer: (request, app) =>
    request.method === 'PUT'
      ? request
          .clone()
          .text()
          .then((body) => (isRefused(body) ? new Response('no', { status: 400 }) : app(request)))
      : undefined,
})

/** Whether a body has one of the unusual values of the canary. */
const isUnusual = (index: number) => (body: string) =>
  body === canary.write('', canary.values.at(index) ?? '').body

/** Every answer is passed through `edit`. */
const answers = (edit: (response: Response, request: Request) => Promise<Response>): Change => ({
  answer: async (request, app) => edit(await app(request), request),
})

/** Whether a change has written `text`: what the present release writes has no such beginning. */
const isNew = (text: string): boolean => text.startsWith('v2 ')
const newer = (value: string): string => `v2 ${value}`
const either = (text: string): string => (isNew(text) ? text.slice(3) : text)
const backwards = (text: string): string => [...text].reverse().join('')
const same = (value: string): string => value

/** Each makes it impossible to run this release after, before or beside the present one. */
export const incompatible: Record<string, Change> = {
  'another format': format(newer, either),
  'another format, and the old one is not read': format(
    (value) => `v2 ${value}`,
    (text) => text.slice(3),
  ),
  'values backwards': format(backwards, backwards),
  'a length before the value': format(
    (value) => `v2 ${value.length} ${value}`,
    (text) => (isNew(text) ? text.replace(/^v2 \d+ /, '') : text),
  ),
  'a time beside the value': format(
    (value) => `${value} at 12:00`,
    (text) => text.replace(/ at 12:00$/, ''),
  ),
  'coded values': format(
    (value) => newer(Buffer.from(value).toString('base64')),
    (text) => (isNew(text) ? Buffer.from(text.slice(3), 'base64').toString() : text),
  ),
  'values cut short when written': format((value) => value.slice(0, -1), same),
  'the old format is refused when read': format(same, () => {
    throw new Error('unreadable')
  }),
  'a value that is changed when written': format(backwards, same),
  'renamed keys': keys((key) => key.replace(':v1:', ':v2:')),
  'another hash of the key': keys((key) => `x:${Bun.SHA1.hash(key, 'hex')}`),
  'keys cut short': keys((key) => key.slice(0, 10)),
  'a tombstone in place of a deletion': {
    records: (records) => ({
      ...records,
      async get(key) {
        const value = await records.get(key)
        return value === 'deleted' ? null : value
      },
      async delete(key) {
        await records.set(key, 'deleted')
        return true
      },
    }),
  },
  'a cache of what was read': {
    records: (records) => {
      const cache = new Map<string, string | null>()
      return {
        ...records,
        async get(key) {
          if (!cache.has(key)) cache.set(key, await records.get(key))
          return cache.get(key) ?? null
        },
        async set(key, value) {
          cache.set(key, value)
          await records.set(key, value)
        },
        async delete(key) {
          cache.set(key, null)
          return await records.delete(key)
        },
      }
    },
  },
  'writes that are kept back': {
    records: (records) => {
      const kept = new Map<string, string>()
      return {
        ...records,
        get: async (key) => kept.get(key) ?? (await records.get(key)),
        set: async (key, value) => void kept.set(key, value),
        delete: async (key) => [kept.delete(key), await records.delete(key)].includes(true),
      }
    },
  },
  'a stricter parser: not the first unusual value': stricter(isUnusual(0)),
  'a stricter parser: not the last unusual value': stricter(isUnusual(-1)),
  'a new required property': stricter((body) => !('consent' in JSON.parse(body))),
  'keys without their last character': {
    answer: (request, app) => app(new Request(request.url.slice(0, -1), request)),
  },
  'another status for a write': answers(async (response) =>
    response.status === 204 ? new Response('{}', { status: 200 }) : response,
  ),
  'another name of a property': answers(
    async (response) => new Response((await response.text()).replace('":', 's":'), response),
  ),
  'a new version of the schema': {
    records(records, { stateDirectory }) {
      using db = new Database(join(stateDirectory, `${name}.db`))
      db.run('PRAGMA user_version = 2')
      return records
    },
  },
}

const index = (key: string): string => `index:${key}`

/** Each can run after, before and beside the present release. */
export const compatible: Record<string, Change> = {
  nothing: {},
  'one more header': answers(
    async (response) =>
      new Response(response.body, {
        ...response,
        status: response.status,
        headers: { ...Object.fromEntries(response.headers), 'X-More': '1' },
      }),
  ),
  'one more property of an answer': answers(async (response) =>
    response.status === 200
      ? Response.json({ ...((await response.json()) as object), more: 1 })
      : response,
  ),
  'spaces in JSON': answers(async (response) =>
    response.status === 200
      ? new Response(JSON.stringify(await response.json(), undefined, 2), response)
      : response,
  ),
  'a character set': answers(
    async (response) =>
      new Response(response.body, {
        status: response.status,
        headers: { 'Content-Type': 'application/json; charset=utf-8' },
      }),
  ),
  'one more path': {
    answer: (request) =>
      request.url.endsWith('/more') ? Promise.resolve(new Response('more')) : undefined,
  },
  'an optional property': {
    answer: (request, app) =>
      request.method !== 'PUT'
        ? undefined
        : request.text().then((body) => {
            const { more, ...known } = JSON.parse(body)
            return app(new Request(request, { body: JSON.stringify(known) }))
          }),
  },
  'slower answers': answers(async (response) => {
    await Bun.sleep(2)
    return response
  }),
  'both formats are read, the old one written': format(same, either),
  'values are checked when read': format(same, (text) => {
    if (text === '') throw new Error('an empty value')
    return text
  }),
  'values are checked when written': format((value) => {
    if (value === '') throw new Error('an empty value')
    return value
  }, same),
  'values are copied when read': format(same, (text) => Buffer.from(text).toString()),
  'both keys are written, the old one read': {
    records: (records) => ({
      ...records,
      async set(key, value) {
        await records.set(`${key}:v2`, value)
        await records.set(key, value)
      },
    }),
  },
  'an index beside the values': {
    records: (records) => ({
      ...records,
      async set(key, value) {
        await records.set(key, value)
        await records.set(index(key), '1')
      },
      async delete(key) {
        await records.delete(index(key))
        return await records.delete(key)
      },
    }),
  },
  'a renamed key that is looked for first': {
    records: (records) => ({
      ...records,
      get: async (key) => (await records.get(`${key}:v2`)) ?? (await records.get(key)),
    }),
  },
  'read twice': {
    records: (records) => ({
      ...records,
      async get(key) {
        await records.get(key)
        return await records.get(key)
      },
    }),
  },
  'written twice': {
    records: (records) => ({
      ...records,
      async set(key, value) {
        await records.set(key, value)
        await records.set(key, value)
      },
    }),
  },
  'read before it is deleted': {
    records: (records) => ({
      ...records,
      delete: async (key) => (await records.get(key)) !== null && (await records.delete(key)),
    }),
  },
  'written only when it differs': {
    records: (records) => ({
      ...records,
      async set(key, value) {
        if ((await records.get(key)) !== value) await records.set(key, value)
      },
    }),
  },
  'a cache that asks whether it is still so': {
    records: (records) => {
      const cache = new Map<string, string>()
      return {
        ...records,
        async get(key) {
          const value = await records.get(key)
          if (value === null) cache.delete(key)
          else cache.set(key, value)
          return cache.get(key) ?? null
        },
      }
    },
  },
}

/** How a format changes, from the present one: each can follow the one before, and be followed by it. */
export const steps: Record<string, Change> = {
  'reads both, writes the old': format(same, either),
  'reads both, writes the new': format(newer, either),
  'knows only the new': format(newer, (text) => {
    if (!isNew(text)) throw new Error(text)
    return text.slice(3)
  }),
}

export const changes: Record<string, Change> = { ...incompatible, ...compatible, ...steps }
