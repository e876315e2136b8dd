import { rm } from 'node:fs/promises'
import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { type Fleet, FleetWatch, groupTag, inService } from '../aws/fleet.ts'
import { ROLLED_BACK, unmarkRolledBack } from '../aws/refresh.ts'
import { type Patience, pause } from '../aws/retry.ts'
import { EXIT, painter, Stop } from '../cli.ts'
import { Evidence } from './evidence.ts'
import { type Course, follow } from './follow.ts'
import { type Address, type Observation, observe, observeDirectly } from './observe.ts'
import { Probe } from './probe.ts'
import { type Progress, progressOn } from './progress.ts'
import {
  type Ending,
  exitCodeOf,
  judge,
  type Receipt,
  receiptLines,
  type Verdict,
} from './receipt.ts'
import type { Settings } from './settings.ts'

/** What every verb works with. */
export interface Context {
  aws: Aws
  settings: Settings
  watch: FleetWatch
  progress: Progress
  patience: Patience
}

export function createContext(aws: Aws, settings: Settings, signal: AbortSignal): Context {
  const progress = progressOn(settings.json ? process.stderr : process.stdout)
  const { pollMs, patienceMs } = settings
  return {
    aws,
    settings,
    watch: new FleetWatch(aws, settings.group),
    progress,
    patience: { pollMs, patienceMs, signal, note: (text) => progress.note(text) },
  }
}

/** A way to a version: what to start, and what it means when it ends. */
export interface Journey {
  version: number | undefined
  release: string | undefined
  previousRelease: string | undefined
  /** Starts the refresh and returns its id; undefined when there is nothing to replace. */
  begin: () => Promise<string | undefined>
  /** Set when the aim is to go back. */
  goesBack: boolean
  /**
   * `throughout` measures before anything is started, too; `from now` where a refresh runs already; `afterwards` where
   * the fleet may only now be coming up, so that failures until then mean nothing.
   */
  probes: 'throughout' | 'from now' | 'afterwards'
  notes: string[]
}

/** Probes, starts, follows, observes and writes the receipt. Returns the exit code. */
export async function travel(context: Context, journey: Journey): Promise<number> {
  const { aws, settings, patience, progress } = context
  const { signal } = patience
  const startedAt = new Date()
  const { probes } = journey
  let probe = probes === 'afterwards' ? undefined : await startProbe(context)
  const evidence = new Evidence(aws, {
    group: settings.group,
    folder: settings.evidence,
    pollMs: Math.min(1000, settings.pollMs),
    timeoutMs: 30_000,
  })
  try {
    if (probe && probes === 'throughout') await measureBefore(context, probe)
    if (signal.aborted) throw interrupted('Nothing was started.')
    if (probe) probe.phase = 'during'
    const refreshId = await journey.begin()
    const course: Course = {
      ...context,
      version: journey.version,
      release: journey.release,
      refreshId,
      startedAt,
      timeoutMs: settings.timeoutMs,
      stallMs: settings.stallMs,
      guarded: !journey.goesBack,
      probe,
      evidence,
    }
    const ending = await follow(course).catch((error: Error) => {
      if (!refreshId || error instanceof Stop) throw error
      throw new Stop(`${explain(error)} ${stillRunning(settings)}`)
    })
    if (!ending) throw interrupted(stillRunning(settings))
    if (probe) probe.phase = 'after'
    const observed = await arrive(context, journey, ending)
    if (probes === 'afterwards' && observed) probe = await startProbe(context)
    if (probe) await measureAfter(context, probe, observed?.ok ? journey.release : undefined)
    await probe?.stop()
    progress.end()
    return await conclude({
      context,
      journey,
      ending,
      observed,
      probe,
      evidence,
      startedAt,
      refreshId,
    })
  } finally {
    await probe?.stop()
  }
}

async function startProbe({ settings, progress }: Context): Promise<Probe | undefined> {
  const { url, rate, token, probeTimeoutMs } = settings
  if (!settings.probe || !url) return undefined
  const probe = new Probe({ url, rate, token, timeoutMs: probeTimeoutMs })
  await probe.prepare()
  if (!probe.canary) {
    progress.note(
      'The service wants a token: without --token or HELLO_TOKEN the canary user is left out of the probe.',
    )
  }
  probe.start()
  return probe
}

async function measureBefore({ settings, patience }: Context, probe: Probe): Promise<void> {
  await pause(settings.beforeMs, patience.signal)
  const { failed, requests, failures } = probe.figures()
  if (failed <= settings.failureBudget) return
  await probe.stop()
  const classes = Object.entries(failures).map(([name, count]) => `${count} ${name}`)
  throw new Stop(
    `${failed} of ${requests} requests failed before anything was started (${classes.join(', ')}). Mend that first, or accept failures with --failure-budget N or any. Nothing was started.`,
  )
}

async function measureAfter(
  { settings, patience }: Context,
  probe: Probe,
  release: string | undefined,
): Promise<void> {
  probe.phase = 'after'
  if (release) probe.expected = new Set([release])
  await pause(settings.afterMs, patience.signal)
}

/** After success: asks every instance what it runs. */
async function arrive(
  { settings, watch }: Context,
  { release, goesBack }: Journey,
  { status }: Ending,
): Promise<Observation | undefined> {
  const arrived = status === 'Successful' || (goesBack && status === 'RollbackSuccessful')
  if (!arrived || !settings.url || !release) return undefined
  const seen = await observe({
    url: settings.url,
    release,
    inService: async () => inService(await watch.look()).map(({ id }) => id),
    timeoutMs: settings.observeMs,
    pauseMs: Math.min(1000, settings.pollMs),
  })
  if (!settings.direct) return seen
  return await observeDirectly(seen, addressesOf(await watch.look()), release)
}

function addressesOf(fleet: Fleet): Address[] {
  return inService(fleet).flatMap(({ id, privateIp, port }) =>
    privateIp && port ? [{ id, url: `http://${privateIp}:${port}` }] : [],
  )
}

interface Outcome {
  context: Context
  journey: Journey
  ending: Ending
  observed: Observation | undefined
  probe: Probe | undefined
  evidence: Evidence
  startedAt: Date
  refreshId: string | undefined
}

async function conclude(outcome: Outcome): Promise<number> {
  const { context, journey, ending, observed, probe, evidence, startedAt } = outcome
  const { settings, watch, aws } = context
  const figures = probe?.figures()
  const { verdict, reason } = judge(
    ending,
    observed,
    figures,
    settings.failureBudget,
    journey.goesBack,
  )
  const notes = [...journey.notes]
  const fleet = await watch.look().catch((error) => void notes.push(explain(error)))
  const shipped = verdict === 'shipped'
  if (shipped) await rm(evidence.folder, { recursive: true, force: true })
  if (shipped && fleet && journey.release && groupTag(fleet, ROLLED_BACK) === journey.release) {
    await unmarkRolledBack(aws, settings.group).catch((error) => void notes.push(explain(error)))
  }
  const likelyCause = shipped ? '' : await evidence.conclude(startedAt, reason)
  const endedAt = new Date()
  await deliver(context, {
    ...blank(settings, journey),
    verdict,
    exitCode: exitCodeOf(verdict),
    reason: verdict === 'timed out' ? `${reason}. ${stillRunning(settings)}` : reason,
    refreshId: outcome.refreshId,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    seconds: (endedAt.getTime() - startedAt.getTime()) / 1000,
    releases: fleet ? releasesOf(fleet) : {},
    observed,
    probe: probe &&
      figures && {
        ...figures,
        failureBudget: Number.isFinite(settings.failureBudget) ? settings.failureBudget : 'any',
        canary: probe.canary,
      },
    notes,
    evidence: shipped
      ? undefined
      : { folder: evidence.any ? evidence.folder : 'none', likelyCause },
  })
  return exitCodeOf(verdict)
}

/** A receipt for a journey that never began. */
export function blank(
  settings: Settings,
  journey: Omit<Journey, 'begin' | 'goesBack' | 'probes'>,
): Receipt {
  const now = new Date().toISOString()
  return {
    verdict: 'skipped',
    exitCode: EXIT.ok,
    reason: '',
    group: settings.group,
    release: journey.release,
    previousRelease: journey.previousRelease,
    launchTemplateVersion: journey.version,
    refreshId: undefined,
    startedAt: now,
    endedAt: now,
    seconds: 0,
    releases: {},
    observed: undefined,
    probe: undefined,
    notes: journey.notes,
    evidence: undefined,
  }
}

/** Prints the receipt, and writes it where it was asked for. */
export async function deliver({ settings }: Context, receipt: Receipt): Promise<void> {
  const json = `${JSON.stringify(receipt, undefined, 2)}\n`
  if (settings.receipt) await Bun.write(settings.receipt, json)
  if (settings.json) process.stdout.write(json)
  const stream = settings.json ? process.stderr : process.stdout
  const paint = painter(stream)
  const [first = '', ...rest] = receiptLines(receipt)
  const colour = COLOURS[receipt.verdict]
  stream.write(`\n${paint(colour, first)}\n${rest.join('\n')}\n`)
}

const COLOURS: Record<Verdict, 'green' | 'yellow' | 'red'> = {
  shipped: 'green',
  skipped: 'yellow',
  'rolled back': 'yellow',
  failed: 'red',
  cancelled: 'red',
  'timed out': 'red',
}

/** Instances that are there to serve, by release. */
export function releasesOf(fleet: Fleet): Record<string, number> {
  const counted: Record<string, number> = {}
  for (const { release = 'unknown' } of inService(fleet)) {
    counted[release] = (counted[release] ?? 0) + 1
  }
  return counted
}

const stillRunning = ({ group }: Settings): string =>
  `The refresh goes on. Follow it with 'scripts/rollout watch --group ${group}', stop it with 'scripts/rollout cancel --group ${group}'.`

const interrupted = (text: string): Stop => new Stop(`interrupted. ${text}`, EXIT.interrupted)
