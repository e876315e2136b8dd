import { pause } from '../aws/retry.ts'
import { runOnEach } from '../aws/ssm.ts'
import { printable } from '../cli/format.ts'
import type { Ops, OpsSettings } from './settings.ts'

/** Prints the last lines of each instance's journal; with `follow`, new lines too. */
export async function logs(
  ops: Ops,
  ids: string[],
  lines: number,
  { follow: follows, json }: Pick<OpsSettings, 'follow' | 'json'>,
): Promise<boolean> {
  const seen = new Map<string, string[]>()
  let allAnswered = true
  do {
    const outcomes = await runOnEach(ops.aws, ids, {
      group: ops.group,
      verb: 'logs',
      parameters: { Lines: [String(lines)] },
      comment: ops.comment,
      pollMs: ops.pollMs,
      timeoutMs: ops.timeoutMs,
      note: ops.note,
    })
    for (const { id, status, stdout, stderr } of outcomes) {
      if (status !== 'Success') {
        allAnswered = false
        ops.warn(`${id}: logs ended with status ${status} ${stderr}`.trim())
        continue
      }
      const now = stdout.split('\n').filter(Boolean)
      const prefix = ids.length > 1 ? `${id} ` : ''
      for (const line of unseen(seen.get(id) ?? [], now)) {
        ops.print(json ? JSON.stringify({ instance: id, line }) : printable(prefix + line))
      }
      seen.set(id, now)
    }
    if (follows) await pause(ops.followMs, ops.signal)
  } while (follows && !ops.signal.aborted)
  return allAnswered
}

/** The lines of `now` after the longest suffix of `before` that `now` begins with. */
export function unseen(before: string[], now: string[]): string[] {
  for (let start = 0; start < before.length; start++) {
    const rest = before.slice(start)
    if (rest.every((line, index) => line === now[index])) return now.slice(rest.length)
  }
  return now
}
