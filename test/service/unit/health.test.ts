import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createHealth } from '../../../src/health.ts'
import { memoryLog } from '../../lab/support/app.ts'
import { createVirtualClock } from '../../lab/support/clock.ts'
import { temporaryFolder } from '../../lab/support/process.ts'

/** The health of a service whose store answers from `readyMs` on, and when it was asked. */
function healthOf(readyMs: number, latchFile?: string) {
  const clock = createVirtualClock()
  const log = memoryLog()
  const askedAt: number[] = []
  const ping = async () => {
    askedAt.push(clock.now())
    if (clock.now() < readyMs) throw new Error('it is down')
  }
  return { clock, log, askedAt, health: createHealth({ ping }, log, latchFile, clock) }
}

test('the store is asked soon, then four times a second, until it has answered; after two seconds the log says why not', async () => {
  const { clock, log, askedAt, health } = healthOf(3000)
  expect(health.status).toBe('starting')
  await clock.advance(2000)
  expect(log.lines).toEqual([])
  const pauses = [5, 10, 20, 40, 80, 160, ...Array(6).fill(250)]
  expect(askedAt.slice(1).map((at, index) => at - Number(askedAt[index]))).toEqual(pauses)
  await clock.advance(999)
  expect(log.lines).toEqual([{ event: 'waiting-for-store', reason: 'it is down' }])
  expect(health.status).toBe('starting')
  await clock.advance(1000)
  await health.ready
  expect(health.status).toBe('ok')
  const asked = askedAt.length
  await clock.advance(10_000)
  expect(askedAt).toHaveLength(asked)
  health.drain()
  expect(health.status).toBe('draining')
})

test('a service that drains before its store has answered asks no more', async () => {
  const { clock, askedAt, health } = healthOf(3000)
  await clock.advance(0)
  health.drain()
  await clock.advance(10_000)
  await health.ready
  expect(askedAt).toEqual([0])
})

test('the latch is a file, which says so without the store; one that cannot be kept is said', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'latch')
  const first = healthOf(0, file)
  await first.health.ready
  expect(existsSync(file)).toBe(true)
  expect(first.log.lines).toEqual([])
  const next = healthOf(1000, file)
  expect([next.health.status, next.askedAt]).toEqual(['ok', []])
  const lost = healthOf(0, join(folder.path, 'none/latch'))
  await lost.health.ready
  expect(lost.health.status).toBe('ok')
  const reason = expect.stringContaining('ENOENT')
  expect(lost.log.lines).toEqual([{ event: 'latch-not-kept', reason }])
})
