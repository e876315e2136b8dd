import { explain } from '../aws/errors.ts'
import { withRetry } from '../aws/retry.ts'
import { runDocument } from '../aws/ssm.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { runAutomation } from '../fleet/automation.ts'
import {
  type Fleet,
  inService,
  isHealthy,
  type Member,
  suspendedProcesses,
} from '../fleet/fleet.ts'
import { refuseUnlessSafe } from './restart.ts'
import type { Ops } from './settings.ts'

/** Without any of them the instance would stay, or go and nothing would come. */
const NEEDED = ['Launch', 'Terminate', 'ReplaceUnhealthy', 'AddToLoadBalancer']

/**
 * Has the group launch another instance and, once that one serves, end `member`, which drains first. One that was drained
 * before is ended as soon as enough others serve. Fewer than desired never do. Returns the ids of those that came.
 */
export async function replace(ops: Ops, fleet: Fleet, member: Member): Promise<string[]> {
  const { id, lifecycle } = member
  refuseUnlessSafe(fleet, [member])
  refuseUnlessReplaced(fleet, member)
  const { aws, group, pollMs, timeoutMs, signal, warn } = ops
  const verb = lifecycle === 'Standby' ? 'discard' : 'replace'
  const parameters = { InstanceId: [id] }
  await Promise.all([
    runAutomation(aws, { group, verb, parameters, subject: id, pollMs, timeoutMs }),
    // Its agent may be what is bad about it.
    recordReason(ops, id).catch((error) => warn(`the reason is not recorded: ${explain(error)}`)),
  ])
  ops.note(`${id}: ends once ${fleet.desired} others are healthy`)
  const deadline = Date.now() + timeoutMs
  const policy = { pollMs, patienceMs: timeoutMs, signal, note: warn }
  for (;;) {
    const now = await withRetry(() => ops.watch.snapshot(), policy)
    const goes = now?.members.find((each) => each.id === id)?.lifecycle ?? 'Terminated'
    if (now && /^Terminat/.test(goes) && isComplete(now)) {
      const before = new Set(fleet.members.map((each) => each.id))
      return inService(now).flatMap((each) => (before.has(each.id) ? [] : [each.id]))
    }
    if (Date.now() > deadline) {
      throw new Stop(
        `${id} is ${goes}, and ${others(now ?? fleet, id)} of ${fleet.desired} others are healthy after ${timeoutMs / 1000} s; the group goes on: 'scripts/ops status' shows it`,
        EXIT.timedOut,
      )
    }
    await Bun.sleep(pollMs)
  }
}

/** An automation has no comment: the reason is recorded with a command on the same instance. */
export async function recordReason(
  { aws, group, comment, pollMs, timeoutMs }: Ops,
  id: string,
): Promise<void> {
  await runDocument(aws, id, { group, verb: 'status', comment, pollMs, timeoutMs })
}

const others = (fleet: Fleet, id: string): number =>
  inService(fleet).filter((each) => each.id !== id && isHealthy(each)).length

const isComplete = (fleet: Fleet): boolean => others(fleet, '') >= fleet.desired

function refuseUnlessReplaced(fleet: Fleet, { id, lifecycle }: Member): void {
  if (!/^(InService|Standby)$/.test(lifecycle)) {
    throw new Stop(`${id} is ${lifecycle}; only one that is in service or drained can be replaced`)
  }
  if (lifecycle === 'Standby' && !isComplete(fleet)) {
    throw new Stop(
      `${others(fleet, id)} of ${fleet.desired} others are healthy; repeat this once its replacement is (scripts/ops status)`,
    )
  }
  const suspended = suspendedProcesses(fleet).filter((name) => NEEDED.includes(name))
  if (suspended.length > 0) {
    throw new Stop(
      `${suspended.join(', ')} of ${fleet.name} is suspended: nothing would replace it`,
    )
  }
  const least = fleet.group.InstanceMaintenancePolicy?.MinHealthyPercentage ?? 0
  if (least < 100) {
    throw new Stop(
      `the instance maintenance policy of ${fleet.name} keeps ${least} % healthy, so ${id} would go before another comes; apply terraform, which sets 100`,
    )
  }
}
