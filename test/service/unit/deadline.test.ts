import { expect, test } from 'bun:test'
import { createDeadline } from '../../../src/deadline.ts'
import { createVirtualClock } from '../../lab/support/clock.ts'

const late = () => new Error('late')
const never = new Promise<never>(() => {})

/** Promises with a deadline of 100 ms, on a virtual clock, and what became of each of them when. */
function deadlines() {
  const clock = createVirtualClock()
  const inTime = createDeadline(100, clock)
  const ends: string[] = []
  const track = (name: string, promise: Promise<unknown>) => {
    inTime(promise, late).then(
      (value) => ends.push(`${name} ${value} at ${clock.now()}`),
      (error: Error) => ends.push(`${name} ${error.message} at ${clock.now()}`),
    )
  }
  const after = (ms: number) =>
    new Promise<string>((resolve) => clock.after(ms, () => resolve('done')))
  return { clock, ends, track, after }
}

test('a promise that settles in time settles as it does without a deadline', async () => {
  const inTime = createDeadline(60_000)
  expect(await inTime(Promise.resolve('value'), late)).toBe('value')
  await expect(inTime(Promise.reject(new Error('own')), late)).rejects.toThrow('own')
})

test('each of many promises has its own time, though they share a timer', async () => {
  const { clock, ends, track, after } = deadlines()
  track('first', never)
  track('quick', after(10))
  await clock.advance(60)
  track('second', never)
  track('third', after(20))
  await clock.advance(200)
  expect(ends).toEqual([
    'quick done at 10',
    'third done at 80',
    'first late at 100',
    'second late at 160',
  ])
})

test('a promise after all the others have settled has its whole time', async () => {
  const { clock, ends, track, after } = deadlines()
  track('first', after(0))
  await clock.advance(50)
  track('second', never)
  await clock.advance(99)
  expect(ends).toEqual(['first done at 0'])
  await clock.advance(1)
  expect(ends).toEqual(['first done at 0', 'second late at 150'])
})

test('however many wait, there is one timer, and none once all have settled; each is late once', async () => {
  const { clock, track, after } = deadlines()
  track('settled', after(10))
  await clock.advance(60)
  track('settled later', after(10))
  await clock.advance(40)
  expect(clock.waiting()).toBe(0)
  let lates = 0
  const inTime = createDeadline(100, clock)
  const failed = Array.from({ length: 50 }, () => inTime(never, () => new Error(`${++lates}`)))
  expect(clock.waiting()).toBe(1)
  const settled = Promise.allSettled(failed)
  await clock.advance(50)
  track('another', never)
  inTime(never, late).catch(() => {})
  await clock.advance(100)
  await settled
  expect(lates).toBe(50)
})

test('on the clock of the process a promise that never settles is late', async () => {
  const began = performance.now()
  // A timer that keeps no process alive would not keep this test alive either.
  const alive = setInterval(() => {}, 1000)
  await expect(createDeadline(50)(never, late)).rejects.toThrow('late')
  clearInterval(alive)
  expect(performance.now() - began).toBeGreaterThanOrEqual(50)
})
