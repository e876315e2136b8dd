import { afterEach, beforeEach, expect, jest, test } from 'bun:test'
import { createDeadline } from '../../../src/deadline.ts'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

const late = () => new Error('late')
const never = new Promise<never>(() => {})

/** Lets time pass, and everything happen that was waiting for it. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed++) {
    jest.advanceTimersByTime(1)
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }
}

test('a promise that settles in time settles as it does without a deadline', async () => {
  const inTime = createDeadline(1000)
  expect(await inTime(Promise.resolve('value'), late)).toBe('value')
  await expect(inTime(Promise.reject(new Error('own')), late)).rejects.toThrow('own')
})

test('each of many promises has its own time, though they share a timer', async () => {
  const inTime = createDeadline(100)
  const outcomes: string[] = []
  const startedAt = performance.now()
  const track = (name: string, promise: Promise<unknown>) =>
    inTime(promise, late).then(
      () => outcomes.push(`${name} done`),
      ({ message }) => outcomes.push(`${name} ${message} at ${performance.now() - startedAt}`),
    )
  const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  track('first', never)
  track('quick', after(10))
  await pass(60)
  track('second', never)
  track('third', after(20))
  await pass(39)
  expect(outcomes).toEqual(['quick done', 'third done'])
  await pass(1)
  expect(outcomes.slice(2)).toEqual(['first late at 100'])
  await pass(60)
  expect(outcomes.slice(3)).toEqual(['second late at 160'])
})

test('a promise after all the others have settled has its whole time', async () => {
  const inTime = createDeadline(80)
  await inTime(Promise.resolve(), late)
  await pass(50)
  let settled = false
  inTime(never, late).catch(() => {
    settled = true
  })
  await pass(79)
  expect(settled).toBe(false)
  await pass(1)
  expect(settled).toBe(true)
})
