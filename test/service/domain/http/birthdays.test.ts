import { describe, expect, spyOn, test } from 'bun:test'
import { createToken, parseTokenHashes } from '../../../../src/config/tokens.ts'
import { StoreUnavailable } from '../../../../src/store/key-value.ts'
import { createMemoryStore } from '../../../../src/store/memory.ts'
import { expectProblem, put, testApp } from '../../../lab/support/app.ts'

interface OpenApi {
  paths: Record<
    string,
    Record<string, { responses?: Record<string, { content?: Record<string, Examples> }> }>
  >
}

interface Examples {
  example?: { type: string }
  examples?: Record<string, { value: { type: string } }>
}

/** No day of the calendar is special to these tests: it is always this one. */
const today = () => Temporal.PlainDate.from('2026-11-30')

describe('PUT, GET and DELETE /hello/<username>', () => {
  test('a saved birthday is greeted, replaced and forgotten', async () => {
    const app = testApp()
    const birth = today().subtract({ years: 30 }).add({ days: 5 })
    const saved = await app.request('/hello/Ada', put({ dateOfBirth: birth.toString() }))
    expect(saved.status).toBe(204)
    expect(await saved.text()).toBe('')
    const greeted = await app.request('/hello/Ada')
    expect(greeted.headers.get('content-type')).toBe('application/json')
    expect(await greeted.json()).toEqual({ message: 'Hello, Ada! Your birthday is in 5 day(s)' })

    await app.request('/hello/Ada', put({ dateOfBirth: today().subtract({ years: 1 }).toString() }))
    expect(await (await app.request('/hello/Ada')).json()).toEqual({
      message: 'Hello, Ada! Happy birthday!',
    })

    expect((await app.request('/hello/Ada', { method: 'DELETE' })).status).toBe(204)
    await expectProblem(await app.request('/hello/Ada', { method: 'DELETE' }), 404, 'unknown-user')
    await expectProblem(await app.request('/hello/Ada'), 404, 'unknown-user')
  })

  test('of a property that comes twice the last one counts, as everywhere in JavaScript', async () => {
    const app = testApp({ currentDay: today })
    const twice = '{"dateOfBirth":"2000-01-01","dateOfBirth":"1999-11-30"}'
    expect((await app.request('/hello/Ada', put(twice))).status).toBe(204)
    expect(await (await app.request('/hello/Ada')).json()).toEqual({
      message: 'Hello, Ada! Happy birthday!',
    })
  })

  test('a stored date that has not come is greeted like any other', async () => {
    let now = today().add({ years: 1, days: 4 })
    const app = testApp({ currentDay: () => now })
    const birth = now.subtract({ days: 1 }).toString()
    expect((await app.request('/hello/Ada', put({ dateOfBirth: birth }))).status).toBe(204)
    now = today()
    using _clock = spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000)
    expect(await (await app.request('/hello/Ada')).json()).toEqual({
      message: 'Hello, Ada! Your birthday is in 3 day(s)',
    })
  })

  test('names are case-sensitive and normalised', async () => {
    const app = testApp()
    await app.request(
      `/hello/${encodeURIComponent('Zoe\u0308')}`,
      put({ dateOfBirth: '2000-01-01' }),
    )
    expect((await app.request(`/hello/${encodeURIComponent('Zo\u00eb')}`)).status).toBe(200)
    expect((await app.request(`/hello/${encodeURIComponent('zo\u00eb')}`)).status).toBe(404)
  })

  test.each([
    'Ada1',
    'Ada%20L',
    '%F0%9F%91%A9',
    'a%2Fb',
    '%E0%A4%A',
    'a'.repeat(65),
    '%00',
    '%CC%81',
  ])('the user name %s is refused', async (name) => {
    for (const init of [{}, put({ dateOfBirth: '2000-01-01' }), { method: 'DELETE' }]) {
      const response = await testApp().request(`/hello/${name}`, init)
      const problem = await expectProblem(response, 400, 'invalid-username')
      expect(problem.errors).toEqual([{ parameter: 'username', detail: expect.any(String) }])
    }
  })

  test.each([
    ['a day that does not exist', { dateOfBirth: '2023-02-29' }, '/dateOfBirth', 'a calendar date'],
    ['another format', { dateOfBirth: '20000101' }, '/dateOfBirth', 'a calendar date'],
    ['a number', { dateOfBirth: 20000101 }, '/dateOfBirth', 'a date, YYYY-MM-DD'],
    ['nothing', {}, '/dateOfBirth', 'missing'],
    ['an unknown property', { dateOfBirth: '2000-01-01', 'a/b~c': 1 }, '/a~1b~0c', 'no such'],
    ['an array', [], '', 'an object with dateOfBirth'],
    ['null', 'null', '', 'an object with dateOfBirth'],
  ])(
    'a body with %s is refused with a pointer to the error, and what is wanted',
    async (_, body, pointer, detail) => {
      const problem = await expectProblem(
        await testApp().request('/hello/Ada', put(body)),
        400,
        'invalid-birthday',
      )
      expect(problem.errors).toEqual([{ pointer, detail: expect.stringContaining(detail) }])
    },
  )

  test('today and later dates are refused, yesterday is not', async () => {
    const there = Temporal.PlainDate.from('2028-02-29')
    const app = testApp({ currentDay: () => there })
    const send = (date: Temporal.PlainDate) =>
      app.request('/hello/Ada', put({ dateOfBirth: `${date}` }))
    const { errors } = await expectProblem(await send(there), 400, 'invalid-birthday')
    expect(errors).toEqual([{ pointer: '/dateOfBirth', detail: 'a day before today, 2028-02-29' }])
    await expectProblem(await send(there.add({ days: 1 })), 400, 'invalid-birthday')
    expect((await send(there.subtract({ days: 1 }))).status).toBe(204)
  })
})

describe('a name', () => {
  const marks = (count: number) => `a${'\u0301\u0323'.repeat(count / 2)}`

  test('that is too long is refused before it is normalised, which takes 250 ms for 15 kB of marks', async () => {
    using normalize = spyOn(String.prototype, 'normalize')
    const response = await testApp().request(`/hello/${encodeURIComponent(marks(2500))}`)
    const { errors } = await expectProblem(response, 400, 'invalid-username')
    const detail =
      '1 to 64 letters of any script, and nothing else, with at most 256 characters, marks included'
    expect(errors).toEqual([{ parameter: 'username', detail }])
    expect(normalize).not.toHaveBeenCalled()
    await testApp().request('/hello/Ada')
    expect(normalize).toHaveBeenCalled()
  })

  test('may have marks, and with them as many characters as 64 letters with three each need', async () => {
    const names = [`a${'\u0323\u0301'.repeat(100)}`, 'ก\u0e34\u0e48\u0e4c'.repeat(64)]
    for (const name of names) {
      const response = await testApp().request(`/hello/${encodeURIComponent(name)}`)
      expect(response.status).toBe(404)
    }
  })

  test.each([
    ['a blank that is a letter', '\u3164'],
    ['a filler', 'a\u115f'],
    ['a filler of half the width', '\uffa0b'],
    ['an invisible mark', 'a\u034f'],
    ['a variation selector', 'a\ufe0f'],
    ['a Mongolian variation selector', '\u1820\u180b'],
    ['a variation selector of the supplement', 'a\u{e0100}'],
    ['an invisible vowel', '\u1780\u17b4'],
    ['a joiner', 'a\u200d'],
    ['a soft hyphen', 'a\u00adb'],
  ])('with %s is refused', async (_, name) => {
    const response = await testApp().request(
      `/hello/${encodeURIComponent(name)}`,
      put({ dateOfBirth: '2000-01-01' }),
    )
    expect(response.status).toBe(400)
  })

  test('may be one that looks like another: they are two users', async () => {
    const app = testApp()
    await app.request('/hello/Ada', put({ dateOfBirth: '2000-01-01' }))
    // Its first letter is Cyrillic.
    expect((await app.request(`/hello/${encodeURIComponent('\u0410da')}`)).status).toBe(404)
  })
})

test('each error is answered as the example in the OpenAPI document says', async () => {
  const [reader, writer] = [createToken('read'), createToken('write')]
  const tokens = parseTokenHashes(`${reader.entry},${writer.entry}`)
  const down = async () => {
    throw new StoreUnavailable('down')
  }
  const broken = async () => {
    throw new Error('broken')
  }
  const using = (verb: () => Promise<never>) => ({
    records: { ...createMemoryStore(), get: verb, set: verb, delete: verb },
  })
  type Attempt = { app?: object; path?: string; headers?: object; body?: string }
  const attempts: Record<string, Attempt> = {
    'invalid-username': { path: '/hello/R2D2' },
    'invalid-birthday': { body: '{}' },
    'malformed-json': { body: '{' },
    'unsupported-media-type': { headers: { 'Content-Type': 'text/plain' } },
    'body-too-large': { headers: { 'Content-Length': '99999' } },
    unauthorized: { app: { tokens } },
    forbidden: { app: { tokens }, headers: { Authorization: `Bearer ${reader.token}` } },
    'unknown-user': {},
    'internal-error': { app: using(broken) },
    'store-unavailable': { app: using(down) },
  }
  const document = (await (await testApp().request('/openapi.json')).json()) as OpenApi
  let compared = 0
  for (const [method, { responses }] of Object.entries(document.paths['/hello/{username}'] ?? {})) {
    const contents = Object.values(responses ?? {}).flatMap(
      ({ content }) => content?.['application/problem+json'] ?? [],
    )
    for (const { example, examples = {} } of contents) {
      for (const value of example ? [example] : Object.values(examples).map((each) => each.value)) {
        const type = value.type.split(':').at(-1) ?? ''
        // Takes as long as it says: test/service/binary/abuse.test.ts waits for it.
        if (type === 'request-timeout') continue
        const {
          app = {},
          path = '/hello/Ada',
          headers,
          body = '{"dateOfBirth":"2000-01-01"}',
        } = attempts[type] as Attempt
        const response = await testApp(app).request(path, {
          method: method.toUpperCase(),
          headers: { 'Content-Type': 'application/json', ...headers },
          ...(method === 'put' && { body }),
        })
        expect(await response.json()).toEqual({ ...value, instance: expect.any(String) })
        compared++
      }
    }
  }
  expect(compared).toBe(20)
})

test('the OpenAPI document says what a user name and a date are, and how to send them', async () => {
  const { paths, components } = (await (await testApp().request('/openapi.json')).json()) as {
    paths: Record<string, Record<string, { operationId: string }>>
    components: { schemas: Record<string, { properties: object; examples?: object[] }> }
  }
  const { parameters, ...operations } = paths['/hello/{username}'] as (typeof paths)[string]
  const schema = { type: 'string', description: expect.stringContaining('1 to 64 letters') }
  expect(parameters).toMatchObject([
    { name: 'username', in: 'path', required: true, example: 'Ada', schema },
  ])
  const ids = Object.entries(operations).map(([method, { operationId }]) => [method, operationId])
  const { get, put, delete: remove } = Object.fromEntries(ids)
  expect([get, put, remove]).toEqual(['greet', 'saveBirthday', 'forget'])
  expect(operations.put).toMatchObject({
    description: expect.stringContaining('at most 16384 bytes'),
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Birthday' } } },
    },
  })
  const { Birthday, Greeting } = components.schemas
  expect(Birthday?.properties).toEqual({
    dateOfBirth: {
      ...{ type: 'string', format: 'date' },
      ...{ description: 'A date before today.', examples: ['1815-12-10'] },
    },
  })
  const message = 'Hello, Ada! Your birthday is in 5 day(s)'
  expect(Greeting?.examples).toEqual([{ message }])
})
