import { afterEach, expect, setSystemTime, test } from 'bun:test'
import { isUnknownHost, LostAnswer } from '../../../scripts/lib/aws/errors.ts'
import {
  Interrupted,
  type RetryPolicy,
  withChange,
  withRetry,
} from '../../../scripts/lib/aws/retry.ts'

afterEach(() => void setSystemTime())

const POLICY: RetryPolicy = {
  pollMs: 1,
  patienceMs: 300_000,
  signal: new AbortController().signal,
  note: () => {},
}

const fault = (name: string, code?: string): Error =>
  Object.assign(new Error(name), { name, ...(code && { code }) })

/** Fails with each of these in turn, and then answers. */
function failing(...errors: Error[]): () => Promise<string> {
  return async () => {
    const error = errors.shift()
    if (error) throw error
    return 'answer'
  }
}

test('a machine that slept for hours in a call tries again when it wakes', async () => {
  const answers = failing(fault('TimeoutError'))
  const call = async (): Promise<string> => {
    setSystemTime(Date.now() + 3 * 3_600_000)
    return await answers()
  }
  expect(await withRetry(call, POLICY)).toBe('answer')
})

test('patience ends: pauses and failing calls count', async () => {
  const call = failing(...Array.from({ length: 9 }, () => fault('TimeoutError')))
  await expect(withRetry(call, { ...POLICY, patienceMs: 5 })).rejects.toThrow('TimeoutError')
})

test('a host that does not exist is waited for only where something was started', async () => {
  const unknown = fault('Error', 'ENOTFOUND')
  expect(isUnknownHost(unknown)).toBe(true)
  await expect(withRetry(failing(unknown), { ...POLICY, demandsHost: true })).rejects.toThrow()
  expect(await withRetry(failing(unknown), POLICY)).toBe('answer')
})

test('Ctrl-C is an error of its own', async () => {
  const interruption = new AbortController()
  const call = async (): Promise<string> => {
    interruption.abort()
    throw fault('TimeoutError')
  }
  const { signal } = interruption
  await expect(withRetry(call, { ...POLICY, signal })).rejects.toBeInstanceOf(Interrupted)
})

test.each([
  ['no answer, then expired credentials', ['TimeoutError', 'ExpiredToken'], true],
  ['expired credentials at once', ['ExpiredToken'], false],
  [
    'no answer, then a refusal that says why',
    ['TimeoutError', 'ActiveInstanceRefreshNotFound'],
    false,
  ],
])('of a change that got %s, AWS may have carried it out: %j, %p', async (_, names, isLost) => {
  const call = failing(...names.map((name) => fault(name)))
  const error = await withChange(call, POLICY).catch((thrown: Error) => thrown)
  expect(error).toBeInstanceOf(Error)
  expect(error instanceof LostAnswer).toBe(isLost)
  expect((error as Error).message).toBe(names.at(-1) ?? '')
})
