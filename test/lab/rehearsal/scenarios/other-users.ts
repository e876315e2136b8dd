import { forecast } from '../../../../scripts/lib/probe/forecast.ts'
import { ROUND_SECONDS } from '../../../../scripts/lib/probe/traffic.ts'
import { requestsOf } from '../load/process.ts'
import type { Rehearsal } from '../rehearsal.ts'
import { allowFaults, expectMark, untilUnused } from './faulty-release.ts'
import type { Scenario } from './scenario.ts'

/** What is compared passes no faster than this, and so often is it read: as many readings as on AWS. */
const PACE = 3

export const otherUsers: Scenario = {
  shows:
    'the new release fails for names that the probe never asks for: what users get rolls it back',
  releases: ['a', 'faulty'],
  settings: ({ failingShare }) => ({
    faulty: { FAULT: 'other-users', FAULT_SHARE: String(failingShare) },
  }),
  pace: (pace) => ({ checkpoint: Math.min(pace, PACE), warmup: Math.min(pace, PACE) }),
  // An alarm would ring, too, but later.
  realMinutes: true,
  async play(rehearsal) {
    allowFaults(rehearsal, ['target 5xx'])
    const began = rehearsal.seconds.length
    const rolled = rehearsal.rollOut('faulty', ['--traffic-seconds', String(ROUND_SECONDS / PACE)])
    const [rollout] = await Promise.all([rolled, compareForecast(rehearsal, rolled, began)])
    rehearsal.expectRollout(rollout, 3, 'a')
    expectMark(rehearsal, 'faulty')
    const { probe, traffic } = rollout
    rehearsal.expect(
      'no request of the probe failed',
      probe?.failed === 0,
      `${probe?.failed ?? 'unknown how many'} failed`,
    )
    rehearsal.expect(
      'only the new release failed for users',
      traffic !== undefined && traffic.ofNew.failed > 0 && traffic.ofOthers.failed === 0,
      traffic
        ? `${traffic.ofNew.failed} of ${traffic.ofNew.requests}, of the previous one ${traffic.ofOthers.failed} of ${traffic.ofOthers.requests}`
        : 'not seen',
    )
    await untilUnused(rehearsal)
  },
}

/** Tells when the rollout was turned round and what it had cost, beside what the forecast says of one with these pauses. */
async function compareForecast(
  rehearsal: Rehearsal,
  rollout: Promise<unknown>,
  firstSecond: number,
): Promise<void> {
  let hasEnded = false
  const ended = rollout.finally(() => {
    hasEnded = true
  })
  const isTurned = () => rehearsal.plane.refreshes[0]?.status.startsWith('Rollback') === true
  while (!hasEnded && rehearsal.serving('faulty').length === 0) await Bun.sleep(50)
  const servesAt = Date.now()
  while (!hasEnded && !isTurned()) await Bun.sleep(50)
  const turnedAt = Date.now()
  await ended
  if (!isTurned()) return
  const { rate, instances, failingShare } = rehearsal.assignment
  const { seconds } = rehearsal
  const before = seconds.slice(1, firstSecond)
  const perSecond = before.reduce((sum, second) => sum + requestsOf(second), 0) / before.length
  const harmed = seconds.flatMap(({ failed }) => failed).filter(({ at }) => at <= turnedAt).length
  const course = { instances, first: 1, perSecond, roundSeconds: ROUND_SECONDS / PACE }
  const pauses = { warmupSeconds: 60 / PACE, checkpointSeconds: 60 / PACE }
  const told = forecast({ ...course, ...pauses }, (failingShare * rate) / perSecond)
  const inWords = (since: number, count: number) =>
    `${since.toFixed(0)} s, ${count.toFixed(0)} requests harmed`
  rehearsal.mark(
    `seen after ${inWords((turnedAt - servesAt) / 1000, harmed)}; forecast: ${told ? inWords(told.seconds, told.harmed) : 'left to the alarms'}`,
  )
}
