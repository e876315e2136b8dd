import { explain, isTransient } from '../aws/errors.ts'
import { pause } from '../aws/retry.ts'
import { runOnEach } from '../aws/ssm.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import type { Member } from '../fleet/fleet.ts'
import type { Ops } from './settings.ts'

const ROUND_MS = 5000

/** Has the instances read their secrets again, and prints what each then uses. False when one of them does not say. */
export async function reload(ops: Ops, ids: string[], json: boolean): Promise<boolean> {
  const answers = await ask(ops, ids)
  if (json) ops.print(JSON.stringify(answers, undefined, 2))
  for (const { instance, fingerprints, problem } of answers) {
    if (problem) ops.warn(`${instance}: ${problem}`)
    else if (!json) ops.print(`${instance} ${fingerprints.join(' ')}`)
  }
  return answers.every(({ problem }) => problem === undefined)
}

/**
 * Has every instance of the group read its secrets again until all of its workers use those with this fingerprint. Throws
 * `Stop` with what is missing after the time limit, or when interrupted.
 */
export async function everywhere(ops: Ops, fingerprint: string): Promise<void> {
  const deadline = Date.now() + ops.timeoutMs
  const done = new Set<string>()
  for (;;) {
    const { members } = await ops.watch.snapshot()
    const left = members.filter(({ id, lifecycle }) => !done.has(id) && runs(lifecycle))
    if (left.length === 0) return
    const ids = left.map(({ id }) => id)
    const answers = await ask(ops, ids).catch((error: Error) => {
      if (!isTransient(error) && error.name !== 'InvalidInstanceId') throw error
      return ids.map((instance) => ({ instance, fingerprints: [], problem: explain(error) }))
    })
    const behind = answers.flatMap(({ instance, fingerprints, problem }) => {
      if (!problem && fingerprints.every((each) => each === fingerprint)) {
        done.add(instance)
        return []
      }
      return [`${instance}: ${problem ?? 'uses other secrets'}`]
    })
    // Those that were launched meanwhile are asked as well.
    if (behind.length === 0) continue
    if (ops.signal.aborted) throw new Stop('interrupted', EXIT.interrupted)
    if (Date.now() > deadline)
      throw new Stop(`not every instance uses the new secrets:\n${behind.join('\n')}`, EXIT.failed)
    ops.note(`${behind.length} of ${members.length} instances have not taken them up yet`)
    await pause(Math.min(ROUND_MS, 5 * ops.pollMs), ops.signal)
  }
}

/** An instance that leaves reads nothing any more; any other serves, or may. */
const runs = (lifecycle: Member['lifecycle']): boolean => !/^Terminat/.test(lifecycle)

interface Answer {
  instance: string
  /** Of what each worker uses. */
  fingerprints: string[]
  problem?: string
}

async function ask(ops: Ops, ids: string[]): Promise<Answer[]> {
  const { aws, group, comment, pollMs, timeoutMs, note } = ops
  const options = { group, verb: 'reload' as const, comment, pollMs, timeoutMs, note }
  return (await runOnEach(aws, ids, options)).map(({ id, status, stdout, stderr }) => {
    const fingerprints = stdout.split('\n').filter(Boolean)
    if (status === 'Success' && fingerprints.length > 0) return { instance: id, fingerprints }
    return { instance: id, fingerprints, problem: stderr.trim() || `reload ended with ${status}` }
  })
}
