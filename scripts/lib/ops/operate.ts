import { join } from 'node:path'
import { runOnEach } from '../aws/ssm.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { runAutomation } from '../fleet/automation.ts'
import { type Fleet, inService, type Member } from '../fleet/fleet.ts'
import { logs } from './logs.ts'
import { reload } from './reload.ts'
import { recordReason, replace } from './replace.ts'
import { restart } from './restart.ts'
import type { Ops, OpsSettings, StoreVerb, Verb } from './settings.ts'
import { openShell } from './shell.ts'
import { report, statusLines } from './status.ts'

/** Runs the verb. Returns the exit code. */
export async function operate(
  ops: Ops,
  fleet: Fleet,
  settings: OpsSettings & { verb: Exclude<Verb, StoreVerb> },
): Promise<number> {
  const members = chosen(fleet, settings)
  const ids = members.map(({ id }) => id)
  const [id = ''] = ids
  switch (settings.verb) {
    case 'status': {
      const reports = await report(ops, members)
      if (settings.json) ops.print(JSON.stringify(reports, undefined, 2))
      else for (const line of statusLines(fleet, reports, process.stdout)) ops.print(line)
      return EXIT.ok
    }
    case 'logs':
      return (await logs(ops, ids, settings.lines, settings)) ? EXIT.ok : EXIT.failed
    case 'bundle':
      return await bundle(ops, ids, settings)
    case 'restart':
      await restart(ops, fleet, members, !settings.unspaced)
      if (settings.json) ops.print(JSON.stringify({ restarted: ids }))
      return EXIT.ok
    case 'reload':
      return (await reload(ops, ids, settings.json)) ? EXIT.ok : EXIT.failed
    case 'undrain':
      refuseOldRelease(fleet, members)
      return await standby(ops, id, settings.verb, settings.json)
    case 'drain':
      return await standby(ops, id, settings.verb, settings.json)
    case 'replace': {
      const [member] = members as [Member]
      const by = await replace(ops, fleet, member)
      ops.print(
        settings.json
          ? JSON.stringify({ replaced: id, by })
          : `${id} is replaced${by.length > 0 ? ` by ${by.join(', ')}` : ''}`,
      )
      return EXIT.ok
    }
    case 'shell':
      return await openShell(id, settings)
  }
}

/** The named instances, or all in service. */
function chosen(fleet: Fleet, { instances, verb, group }: OpsSettings): Member[] {
  if (instances.length === 0) {
    const all = verb === 'status' ? fleet.members : inService(fleet)
    if (all.length === 0) throw new Stop(`${group} has no instance in service`)
    return all
  }
  return [...new Set(instances)].map((id) => {
    const member = fleet.members.find((each) => each.id === id)
    if (!member)
      throw new Stop(`${id} is not an instance of ${group}; scripts/ops status lists them`)
    return member
  })
}

async function bundle(
  ops: Ops,
  ids: string[],
  { out, reason, json }: OpsSettings,
): Promise<number> {
  const { aws, group, comment, pollMs, timeoutMs } = ops
  const outcomes = await runOnEach(aws, ids, {
    group,
    verb: 'bundle',
    parameters: { Reason: [plain(reason || 'requested with scripts/ops')] },
    comment,
    pollMs,
    timeoutMs,
    note: ops.note,
  })
  const files = outcomes.map(({ id, status }) => ({
    instance: id,
    file: join(out, `${id}.txt`),
    status,
  }))
  for (const [index, { file, status }] of files.entries()) {
    await Bun.write(file, `${outcomes[index]?.stdout}${outcomes[index]?.stderr}`)
    if (!json) ops.print(`${file} (${status})`)
  }
  if (json) ops.print(JSON.stringify(files, undefined, 2))
  return outcomes.every(({ status }) => status === 'Success') ? EXIT.ok : EXIT.failed
}

/** A release that has since been replaced must not serve again. */
function refuseOldRelease({ templateVersion, name }: Fleet, members: Member[]): void {
  const old = members.find((member) => member.templateVersion !== templateVersion)
  if (!old) return
  throw new Stop(
    `${old.id} has launch template version ${old.templateVersion ?? 'unknown'}, and ${name} runs version ${templateVersion}: it would serve an old release. End it with 'scripts/ops replace ${old.id} --reason …'`,
  )
}

async function standby(
  ops: Ops,
  id: string,
  verb: 'drain' | 'undrain',
  json: boolean,
): Promise<number> {
  const { aws, group, pollMs, timeoutMs } = ops
  await recordReason(ops, id)
  await runAutomation(aws, {
    group,
    verb,
    parameters: { InstanceId: [id], AutoScalingGroupName: [group] },
    subject: id,
    pollMs,
    timeoutMs,
  })
  if (json) {
    ops.print(JSON.stringify({ instance: id, inService: verb === 'undrain' }))
    return EXIT.ok
  }
  ops.print(
    verb === 'drain'
      ? `${id} is out of service and still runs; put it back with 'scripts/ops undrain ${id} --reason …', or end it with 'scripts/ops replace ${id} --reason …'`
      : `${id} is back in service`,
  )
  return EXIT.ok
}

/** In the characters and length that the document's parameter accepts. */
const plain = (reason: string): string =>
  reason.replace(/[^A-Za-z0-9 .,:;_/#@()+=-]/g, ' ').slice(0, 200)
