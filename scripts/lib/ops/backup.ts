import { pause } from '../aws/retry.ts'
import { runDocument } from '../aws/ssm.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { inService } from '../fleet/fleet.ts'
import type { Ops, StoreVerb } from './settings.ts'
import { type StoreEngine, storeEngines } from './store.ts'

/** What takes minutes is looked at every few polls. */
const POLLS = 10

interface Drill {
  ops: Ops
  engine: StoreEngine
}

/** Runs a verb about the store. Returns the exit code. */
export async function keepStore(
  ops: Ops,
  verb: StoreVerb,
  { region, snapshot, keep, json }: StoreSettings,
): Promise<number> {
  const engine = await engineOf(ops.group, region)
  const drilled = { ops, engine }
  if (verb === 'drop-copy') {
    await dropCopy(drilled)
    return EXIT.ok
  }
  const name = snapshot ?? (await backup(drilled))
  if (verb === 'backup') {
    ops.print(json ? JSON.stringify({ snapshot: name }) : name)
    return EXIT.ok
  }
  const found = await drill(drilled, name, keep)
  if (json) ops.print(JSON.stringify({ snapshot: name, ...found }, undefined, 2))
  else for (const line of inWords(name, found)) ops.print(line)
  return EXIT.ok
}

interface StoreSettings {
  region: string | undefined
  snapshot: string | undefined
  keep: boolean
  json: boolean
}

function inWords(snapshot: string, { store, copy, same, checksum }: Comparison): string[] {
  const rest = copy - same
  return [
    `${snapshot} can be restored: its copy was read whole, ${copy} records with the checksum ${checksum.copy}`,
    `the store has ${store} with the checksum ${checksum.store}; ${same} are the same, ${rest} of the copy were changed or forgotten since, ${store - same} are newer than it`,
  ]
}

/** A name for the copy of the store, which nobody else uses. */
const copyOf = (group: string): string => `${group}-copy`

async function engineOf(group: string, region: string | undefined): Promise<StoreEngine> {
  for (const engine of storeEngines(region)) if (await engine.find(group)) return engine
  throw new Stop(`there is no store ${group} in MemoryDB or ElastiCache: check --group, --region`)
}

/** Takes a snapshot of the running store; resolves with its name once it is complete. */
async function backup({ ops, engine }: Drill): Promise<string> {
  const { group } = ops
  const name = `${group}-${new Date().toISOString().slice(0, 19).replace(/\D/g, '')}`
  await engine.takeSnapshot(group, name)
  ops.note(`${engine.name} takes the snapshot ${name}`)
  await until(ops, `the snapshot ${name}`, 'available', () => engine.snapshotStatus(name))
  return name
}

/** What the document `compare` says of the store and its copy. */
interface Comparison {
  /** Records of the store, of the copy, and of those the ones that the store has as well, with the same value. */
  store: number
  copy: number
  same: number
  checksum: { store: string; copy: string }
}

/**
 * Restores a snapshot beside the running store, compares the two from an instance, and removes the copy, whatever happened,
 * unless it is kept. Throws `Stop` when the copy cannot be made, read whole or removed, or is empty while the store is not.
 */
async function drill(
  { ops, engine }: Drill,
  snapshot: string,
  isKept: boolean,
): Promise<Comparison> {
  const { group } = ops
  const copy = copyOf(group)
  const known = await engine.snapshotStatus(snapshot)
  if (known !== 'available') throw new Stop(`the snapshot ${snapshot} is ${known ?? 'not there'}`)
  if (await engine.find(copy))
    throw new Stop(
      `there is a ${copy} already: somebody is at it, or kept it. 'scripts/ops drop-copy' removes it`,
    )
  await engine.restore(snapshot, group, copy)
  try {
    ops.note(`${engine.name} makes ${copy} from ${snapshot}`)
    const statusOfCopy = async () => (await engine.find(copy))?.status
    await until(ops, copy, 'available', statusOfCopy)
    const endpoint = (await engine.find(copy))?.endpoint ?? ''
    const comparison = await compare(ops, endpoint)
    if (comparison.copy === 0 && comparison.store > 0)
      throw new Stop(
        `the copy is empty, and the store has ${comparison.store} records`,
        EXIT.failed,
      )
    if (isKept) ops.print(`kept ${copy} at ${endpoint}: it costs until 'scripts/ops drop-copy'`)
    return comparison
  } finally {
    if (!isKept) await dropCopy({ ops, engine })
  }
}

/** Removes the copy; resolves when it is gone. */
async function dropCopy({ ops, engine }: Drill): Promise<void> {
  const copy = copyOf(ops.group)
  // Also after an interruption: it costs.
  const uninterrupted = { ...ops, signal: new AbortController().signal }
  const statusOfCopy = async () => (await engine.find(copy))?.status
  if ((await statusOfCopy()) === undefined) return
  // AWS removes none that is still being made.
  await until(uninterrupted, copy, 'available', statusOfCopy)
  await engine.remove(copy)
  ops.note(`${engine.name} removes ${copy}`)
  await until(uninterrupted, copy, undefined, statusOfCopy)
}

async function compare(ops: Ops, endpoint: string): Promise<Comparison> {
  const { aws, group, comment, pollMs, timeoutMs, note } = ops
  const [member] = inService(await ops.watch.snapshot())
  if (!member) throw new Stop(`${group} has no instance in service that could compare them`)
  ops.note(`${member.id} compares them`)
  const parameters = { Endpoint: [endpoint] }
  const options = { group, verb: 'compare' as const, parameters, comment, pollMs, timeoutMs, note }
  const { status, stdout, stderr } = await runDocument(aws, member.id, options)
  if (status === 'Success') return JSON.parse(stdout)
  throw new Stop(`${member.id} could not compare them: ${status}\n${stderr}`.trim(), EXIT.failed)
}

async function until(
  { pollMs, timeoutMs, signal }: Ops,
  what: string,
  wanted: string | undefined,
  ask: () => Promise<string | undefined>,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const status = await ask()
    if (status === wanted) return
    if (signal.aborted) throw new Stop('interrupted', EXIT.interrupted)
    if (status === 'failed' || status === 'create-failed')
      throw new Stop(`${what} ${status}: see the events of the store`, EXIT.failed)
    if (Date.now() > deadline)
      throw new Stop(`${what} is still ${status ?? 'not there'}`, EXIT.timedOut)
    await pause(POLLS * pollMs, signal)
  }
}
