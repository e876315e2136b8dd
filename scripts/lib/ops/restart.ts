import { ResumeProcessesCommand, SuspendProcessesCommand } from '@aws-sdk/client-auto-scaling'
import { explain, isTransient } from '../aws/errors.ts'
import { pause, withRetry } from '../aws/retry.ts'
import { GIVEN_UP, runDocument } from '../aws/ssm.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import {
  type Fleet,
  inService,
  isHealthy,
  type Member,
  suspendedProcesses,
} from '../fleet/fleet.ts'
import { isRunning } from '../fleet/refresh-status.ts'
import type { Ops } from './settings.ts'

const PROCESSES = ['HealthCheck']
const RESUME_MS = 120_000

// What has begun on an instance is seen through after Ctrl-C, too.
const NO_INTERRUPTION = new AbortController().signal

/**
 * Restarts the service on each of `members`, one at a time, continuing only once the load balancer reports it healthy
 * again. The group's health check is suspended meanwhile, unless somebody already has: a draining worker fails it, and the
 * group would replace the instance. Spaced, the restarts do not set off the alarm `unhealthy-hosts`.
 */
export async function restart(
  ops: Ops,
  fleet: Fleet,
  members: Member[],
  isSpaced: boolean,
): Promise<void> {
  refuseUnlessSafe(fleet, members)
  const suspends = PROCESSES.some((name) => !suspendedProcesses(fleet).includes(name))
  let healthyAt: number | undefined
  for (const [index, { id }] of members.entries()) {
    if (isSpaced) {
      const wait = nextStart(Date.now(), healthyAt) - Date.now()
      if (wait > 1000) ops.note(`${id}: waiting ${Math.ceil(wait / 1000)} s, for unhealthy-hosts`)
      await pause(wait, ops.signal)
    }
    if (ops.signal.aborted) throw new Stop('interrupted', EXIT.interrupted)
    ops.note(`${id}: restarting (${index + 1} of ${members.length})`)
    await (suspends ? suspended(ops, () => restartOne(ops, id)) : restartOne(ops, id))
    healthyAt = Date.now()
    ops.note(`${id}: healthy`)
  }
}

const MINUTE_MS = 60_000
/** How long after the start of a minute a restart may begin, to be over before the next one ends. */
const LATEST_MS = 10_000

/**
 * When the next restart may begin, in milliseconds since 1970. `unhealthy-hosts` rings for three minutes of the clock in a
 * row in which an instance was unhealthy: a restart of a minute and a half begins with a minute, and a good one precedes it.
 */
export function nextStart(now: number, healthyAt: number | undefined): number {
  const minute = Math.floor(now / MINUTE_MS) * MINUTE_MS
  const start = now - minute <= LATEST_MS ? now : minute + MINUTE_MS
  if (healthyAt === undefined) return start
  return Math.max(start, (Math.floor(healthyAt / MINUTE_MS) + 2) * MINUTE_MS)
}

/** Does `work` while the group's health check is suspended. */
async function suspended(ops: Ops, work: () => Promise<void>): Promise<void> {
  const { aws, group } = ops
  const processes = { AutoScalingGroupName: group, ScalingProcesses: PROCESSES }
  await aws.autoScaling.send(new SuspendProcessesCommand(processes)).catch(async (error) => {
    // It may have been suspended although no answer came.
    if (isTransient(error)) await resume(ops, processes)
    throw error
  })
  try {
    await work()
  } finally {
    await resume(ops, processes)
  }
}

/** Retries through throttling and network failures: with health checks suspended, a group replaces no dead instance. */
async function resume(
  { aws, group, pollMs, warn }: Ops,
  processes: { AutoScalingGroupName: string; ScalingProcesses: string[] },
): Promise<void> {
  const policy = { pollMs, patienceMs: RESUME_MS, signal: NO_INTERRUPTION, note: warn }
  const command = () => aws.autoScaling.send(new ResumeProcessesCommand(processes))
  await withRetry(command, policy).catch((error) => {
    throw new Stop(
      `${PROCESSES} of ${group} is still suspended (${explain(error)}): resume it with 'aws autoscaling resume-processes --auto-scaling-group-name ${group} --scaling-processes ${PROCESSES}'`,
      EXIT.failed,
    )
  })
}

/** Throws `Stop` during a refresh, and when without one of `members` no healthy instance would serve. */
export function refuseUnlessSafe(fleet: Fleet, members: Member[]): void {
  if (isRunning(fleet.refresh?.Status)) {
    throw new Stop('a refresh is running; repeat this once it has ended (scripts/rollout watch)')
  }
  const healthy = inService(fleet).filter(isHealthy)
  const others = members.flatMap((member) => [healthy.filter(({ id }) => id !== member.id).length])
  if (Math.min(...others) < 1) {
    throw new Stop(
      'no other healthy instance would serve meanwhile: raise the desired capacity to two first',
    )
  }
}

async function restartOne(ops: Ops, id: string): Promise<void> {
  const { aws, group, comment, pollMs, timeoutMs, warn } = ops
  const options = { group, verb: 'restart' as const, comment, pollMs, timeoutMs, note: warn }
  const outcome = await runDocument(aws, id, options)
  if (outcome.status !== 'Success') {
    const { status, stdout, stderr } = outcome
    if (GIVEN_UP.test(status)) {
      throw new Stop(
        `${id} did not restart in time, and the command was given up (${status}); the others were left alone: 'scripts/ops status' shows what it runs`,
        EXIT.timedOut,
      )
    }
    throw new Stop(
      `the restart of ${id} ended with status ${status}; the others were left alone.\n${stdout}${stderr}`.trim(),
      EXIT.failed,
    )
  }
  const deadline = Date.now() + timeoutMs
  const policy = { pollMs, patienceMs: timeoutMs, signal: NO_INTERRUPTION, note: warn }
  for (;;) {
    const fleet = await withRetry(() => ops.watch.snapshot(), policy)
    const member = fleet?.members.find((each) => each.id === id)
    if (!member)
      throw new Stop(`${id} is gone after its restart; the others were left alone`, EXIT.failed)
    if (isHealthy(member)) return
    if (Date.now() > deadline) {
      throw new Stop(
        `${id} is ${member.target} ${member.targetReason ?? ''} after its restart; the others were left alone`,
        EXIT.timedOut,
      )
    }
    await Bun.sleep(pollMs)
  }
}
