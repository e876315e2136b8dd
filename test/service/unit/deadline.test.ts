import { expect, test } from 'bun:test'
import { createDeadline } from '../../../src/deadline.ts'

const late = () => new Error('late')
const after = <T>(ms: number, value: T): Promise<T> => Bun.sleep(ms).then(() => value)

test('a promise that settles in time settles as it does without a deadline', async () => {
  const inTime = createDeadline(1000)
  expect(await inTime(after(5, 'value'), late)).toBe('value')
  await expect(inTime(Promise.reject(new Error('own')), late)).rejects.toThrow('own')
})

test('each of many promises has its own time, though they share a timer', async () => {
  const inTime = createDeadline(100)
  const outcomes: string[] = []
  const start = performance.now()
  const track = async (name: string, promise: Promise<unknown>) => {
    const end = await inTime(promise, late).then(
      () => 'done',
      (error: Error) => error.message,
    )
    const took = performance.now() - start
    outcomes.push(`${name} ${end}`)
    return took
  }
  const never = new Promise(() => {})
  const first = track('first', never)
  const quick = track('quick', after(10, 0))
  await Bun.sleep(60)
  const second = track('second', never)
  const third = track('third', after(20, 0))
  await quick
  expect(await first).toBeGreaterThanOrEqual(99)
  // Its deadline is sixty milliseconds after the first one's, and no earlier.
  expect(await second).toBeGreaterThanOrEqual(158)
  await third
  expect(outcomes).toEqual(['quick done', 'third done', 'first late', 'second late'])
})

test('a promise after all the others have settled has its whole time', async () => {
  const inTime = createDeadline(80)
  await inTime(Promise.resolve(), late)
  await Bun.sleep(50)
  const start = performance.now()
  await expect(inTime(new Promise(() => {}), late)).rejects.toThrow('late')
  expect(performance.now() - start).toBeGreaterThanOrEqual(79)
})
