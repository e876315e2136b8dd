import { service } from '../../../../scripts/lib/service.ts'
import type { ReleaseName } from '../fleet/releases.ts'
import { CLIENT_TIMEOUT_MS } from '../load/lines.ts'
import type { Assignment } from './assignment.ts'
import {
  badAfterCheckpoint,
  badRelease,
  brokenRelease,
  expectMark,
  followerKilled,
} from './bad-releases.ts'
import { shipByDeploy } from './deployment.ts'
import type { ScenarioName } from './names.ts'
import type { Rehearsal, Setting } from './rehearsal.ts'
import { storeFailover, storeOutage } from './store-failures.ts'
import { loseZone, replaceNode, rollWhileLate, scaleIn, scaleOut } from './surroundings.ts'

interface Scenario {
  /** The fleet starts with the first. */
  releases: ReleaseName[]
  setting(assignment: Pick<Assignment, 'pace' | 'lag'>): Setting
  play(rehearsal: Rehearsal): Promise<void>
}

/**
 * Pure waits pass faster; the grace period does not, unless it is what the scenario waits for. The bake time still
 * outlasts the deregistration of the last old instance, as on AWS: what it answers over open connections is no failure.
 */
const faster: Scenario['setting'] = ({ pace }) => ({
  pace: {
    ...{ warmup: pace, checkpoint: 2 * pace, stall: pace, 'launch-retry': pace },
    bake: Math.min(pace, USUAL_BAKE_PACE),
  },
  alarmPace: pace,
  lag: USUAL_LAG,
})

/** The times of the group and of the service are real; the bake time outlasts the lag, as the last checkpoint does on AWS. */
const late: Scenario['setting'] = (assignment) => {
  const { pace, ...rest } = faster(assignment)
  return { ...rest, pace: { ...pace, warmup: 1, bake: 1 }, lag: assignment.lag }
}

/** The same, with a quarter of the grace period: still longer than boot and the first health checks. */
const impatient: Scenario['setting'] = (assignment) => {
  const { pace, ...rest } = faster(assignment)
  return { ...rest, pace: { ...pace, grace: 4 } }
}

/** The probe compares real responses, so its checkpoint is not as much shorter as where nothing is to be noticed. */
const watched: Scenario['setting'] = (assignment) => {
  const { pace, ...rest } = faster(assignment)
  return { ...rest, pace: { ...pace, checkpoint: Math.min(assignment.pace, WATCHED_PACE) } }
}

/** For failures shorter than a minute, which the alarms should tolerate. */
const realMinutes = (setting: Setting): Setting => ({ ...setting, alarmPace: 1 })

/** How late the load balancer's nodes hear of a change where that is not the point, in seconds. */
const USUAL_LAG = 5
const SLOW_MS = 20
/** 40 s of the 60. */
const USUAL_BAKE_PACE = 1.5
const WATCHED_PACE = 3
/** systemd's WatchdogSec, and the restart. */
const WATCHDOG_MS = 13_000
const SOAK_MS = 40_000

export const SCENARIOS: Record<ScenarioName, Scenario> = {
  rollout: { releases: ['a', 'b'], setting: faster, play: rollThenRestart },
  deploy: { releases: ['a', 'b'], setting: faster, play: deployThenRestart },
  'bad-release': { releases: ['a', 'never-healthy'], setting: impatient, play: badRelease },
  'bad-after-checkpoint': {
    releases: ['a', 'turns-bad'],
    setting: faster,
    play: badAfterCheckpoint,
  },
  'broken-release': { releases: ['a', 'broken'], setting: watched, play: brokenRelease },
  'follower-killed': { releases: ['a', 'turns-bad'], setting: faster, play: followerKilled },
  'rollback-twice': { releases: ['a', 'b'], setting: faster, play: rollbackTwice },
  crash: {
    releases: ['a', 'b'],
    setting: (assignment) => realMinutes(impatient(assignment)),
    play: crash,
  },
  'store-outage': {
    releases: ['a', 'b'],
    setting: (assignment) => realMinutes(faster(assignment)),
    play: storeOutage,
  },
  'store-failover': {
    releases: ['a', 'b'],
    setting: (assignment) => ({ ...realMinutes(faster(assignment)), replicated: true }),
    play: storeFailover,
  },
  hung: {
    releases: ['a', 'b'],
    setting: (assignment) => realMinutes(faster(assignment)),
    play: hung,
  },
  cancel: { releases: ['a', 'b'], setting: faster, play: cancel },
  rollback: { releases: ['a', 'b'], setting: faster, play: rollback },
  'scale-out': { releases: ['a', 'b'], setting: faster, play: scaleOut },
  'scale-in': { releases: ['a', 'b'], setting: faster, play: scaleIn },
  'balancer-node': { releases: ['a', 'b'], setting: faster, play: replaceNode },
  'zone-loss': {
    releases: ['a', 'b'],
    setting: (assignment) => realMinutes(impatient(assignment)),
    play: loseZone,
  },
  'slow-network': {
    releases: ['a', 'b'],
    setting: (assignment) => ({ ...faster(assignment), delayMs: SLOW_MS }),
    play: rollThenRestart,
  },
  late: { releases: ['a', 'b'], setting: late, play: rollWhileLate },
  mixed: { releases: ['a', 'b'], setting: faster, play: mixed },
  'wrong-drain': { releases: ['no-drain'], setting: faster, play: restartInPlace },
  'wrong-idle': { releases: ['short-idle'], setting: faster, play: soak },
}

async function rollThenRestart(rehearsal: Rehearsal): Promise<void> {
  let at: ReleaseName = 'a'
  for (let round = 0; round < rehearsal.assignment.rounds; round++) {
    const to: ReleaseName = at === 'a' ? 'b' : 'a'
    // By the history of the group, B was given up when A came back.
    const rollout = await rehearsal.rollOut(to, round > 1 ? ['--retry'] : [])
    rehearsal.expectRollout(rollout, 0, to)
    if (rollout.exitCode !== 0) return
    at = to
  }
  await rehearsal.smoke(at)
  await restartInPlace(rehearsal)
}

async function deployThenRestart(rehearsal: Rehearsal): Promise<void> {
  if (await shipByDeploy(rehearsal)) await restartInPlace(rehearsal)
}

/** Restarts without deregistration: only the service's own drain keeps requests from failing. */
async function restartInPlace(rehearsal: Rehearsal): Promise<void> {
  const [instance] = rehearsal.serving()
  rehearsal.mark(`restart of ${instance?.id} in place`)
  const words = [
    'restart',
    instance?.id ?? '',
    '--group',
    rehearsal.plane.group.name,
    '--reason',
    'rehearsal',
  ]
  const code = await rehearsal.script('ops', words, 'restart.log')
  rehearsal.mark('restarted')
  rehearsal.expect('scripts/ops restarts an instance in place', code === 0, `exit code ${code}`)
  await Bun.sleep(5_000)
}

/** Only load, long enough for idle connections to be closed and used at the same moment many times. */
async function soak(): Promise<void> {
  await Bun.sleep(SOAK_MS)
}

async function rollbackTwice(rehearsal: Rehearsal): Promise<void> {
  const there = await rehearsal.rollOut('b')
  rehearsal.expectRollout(there, 0, 'b')
  if (there.exitCode !== 0) return
  const now = Promise.withResolvers<void>()
  // It bakes, so that the second finds it running.
  const first = rehearsal.rollout('a', ['rollback', '--watch-seconds', '60'], {
    signal: 'SIGINT',
    when: now.promise,
  })
  await rehearsal.until('an instance of release a serves', () => rehearsal.serving('a').length > 0)
  now.resolve()
  const { exitCode } = await first
  rehearsal.expect('the first is interrupted', exitCode === 130, `exit code ${exitCode}`)
  for (const verdict of ['shipped', 'skipped'] as const) {
    const again = await rehearsal.rollout('a', ['rollback'])
    rehearsal.expectRollout(again, 0, 'a')
    rehearsal.expect(`its verdict is '${verdict}'`, again.verdict === verdict, `${again.verdict}`)
  }
  const { length } = rehearsal.plane.refreshes
  rehearsal.expect('one refresh went back', length === 2, `${length} refreshes`)
  expectMark(rehearsal, 'b')
}

async function crash(rehearsal: Rehearsal): Promise<void> {
  const going = rehearsal.rollOut('b', ['--failure-budget', 'any'])
  await rehearsal.checkpoint()
  const [victim] = rehearsal.serving('b')
  if (!victim) throw new Error('no instance of release b serves at the checkpoint')
  rehearsal.beginMinute()
  rehearsal.mark(`${victim.id} dies`)
  const killedAt = Date.now()
  rehearsal.allow(
    ({ sentAt, instance }) =>
      sentAt >= killedAt - CLIENT_TIMEOUT_MS &&
      sentAt <= killedAt + rehearsal.balancer.noticedMs &&
      (instance === undefined || instance === victim.id),
  )
  await rehearsal.instances.kill(victim.id)
  rehearsal.expectRollout(await going, 0, 'b')
  const { lifecycle } = victim
  rehearsal.expect('the dead instance is replaced', /^Terminat/.test(lifecycle), lifecycle)
}

async function hung(rehearsal: Rehearsal): Promise<void> {
  const going = rehearsal.rollOut('b', ['--failure-budget', 'any'])
  await rehearsal.checkpoint()
  const [victim] = rehearsal.serving('b')
  if (!victim) throw new Error('no instance of release b serves at the checkpoint')
  const pid = async () =>
    (
      await rehearsal.instances.shell(
        victim.id,
        `systemctl show -P MainPID app@${service.adminPort}`,
      )
    ).stdout.trim()
  const before = await pid()
  rehearsal.beginMinute()
  rehearsal.mark(`a worker of ${victim.id} hangs`)
  const hungAt = Date.now()
  rehearsal.allow(
    ({ sentAt, instance }) =>
      sentAt >= hungAt - CLIENT_TIMEOUT_MS &&
      sentAt <= hungAt + WATCHDOG_MS &&
      (instance === undefined || instance === victim.id),
  )
  await rehearsal.instances.shell(victim.id, `kill -STOP ${before}`)
  await Bun.sleep(WATCHDOG_MS)
  const after = await pid()
  rehearsal.expect(
    'systemd has restarted the worker',
    after !== before && after !== '0',
    `process ${before}, then ${after}`,
  )
  rehearsal.expectRollout(await going, 0, 'b')
  const { health, lifecycle } = victim
  rehearsal.expect('its instance was not replaced', health === 'Healthy', `${health}, ${lifecycle}`)
}

async function toMixture(rehearsal: Rehearsal): Promise<void> {
  const going = rehearsal.rollOut('b')
  await rehearsal.checkpoint()
  rehearsal.mark('cancelled')
  const code = await rehearsal.script('rollout', ['cancel', '--poll-seconds', '1'], 'cancel.log')
  rehearsal.expect('scripts/rollout cancel exits with 0', code === 0, `exit code ${code}`)
  const { exitCode, verdict = 'no verdict' } = await going
  rehearsal.expect('the rollout exits with 4', exitCode === 4, `${exitCode}, ${verdict}`)
}

async function cancel(rehearsal: Rehearsal): Promise<void> {
  await toMixture(rehearsal)
  await Bun.sleep(10_000)
  const [a, b] = [rehearsal.serving('a').length, rehearsal.serving('b').length]
  rehearsal.expect(
    'both releases keep serving',
    a > 0 && b > 0 && a + b === rehearsal.assignment.instances,
    `${a} of a, ${b} of b`,
  )
}

async function rollback(rehearsal: Rehearsal): Promise<void> {
  const there = await rehearsal.rollOut('b')
  rehearsal.expectRollout(there, 0, 'b')
  if (there.exitCode !== 0) return
  const back = await rehearsal.rollout('a', ['rollback'])
  rehearsal.expectRollout(back, 0, 'a')
}

async function mixed(rehearsal: Rehearsal): Promise<void> {
  await toMixture(rehearsal)
  const [a, b] = [rehearsal.serving('a')[0], rehearsal.serving('b')[0]]
  if (!a || !b) throw new Error('one of the releases does not serve')
  for (const [writer, reader, how] of [
    [a, b, 'what a writes, b reads'],
    [b, a, 'what b writes, a reads'],
  ] as const) {
    const wrong = await rehearsal.crossCheck(writer.privateIp ?? '', reader.privateIp ?? '')
    rehearsal.expect(
      how,
      !wrong?.length,
      wrong ? (wrong[0] ?? '100 keys written, read, replaced and deleted') : 'no canary',
    )
  }
}
