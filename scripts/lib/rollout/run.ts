import { explain, LostAnswer } from '../aws/errors.ts'
import { Interrupted, pause, withRetry } from '../aws/retry.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { countBy, type Fleet, inService } from '../fleet/fleet.ts'
import { findImage } from '../fleet/images.ts'
import { unmarkRolledBack } from '../fleet/marks.ts'
import { failuresText } from '../probe/figures.ts'
import { type Observation, observe } from '../probe/observe.ts'
import { Probe } from '../probe/probe.ts'
import { TrafficWatch } from '../probe/traffic-watch.ts'
import { emptyReceipt } from '../receipt/receipt.ts'
import { service } from '../service.ts'
import { type Context, whereItGoesOn } from './context.ts'
import type { Checkpoints, Goal } from './decide.ts'
import type { Evidence } from './evidence.ts'
import { follow } from './follow.ts'
import { Hooks } from './hooks.ts'
import { type Ending, exitCodeOf, hasArrived, verdictOf } from './verdict.ts'

/** A move of the fleet to a launch template version: how it starts, and what it means when it ends. */
export interface Rollout {
  templateVersion: number | undefined
  ami: string | undefined
  release: string | undefined
  previousRelease: string | undefined
  /** What is marked if it is rolled back: the release, or of the same release the image; undefined: nothing. */
  blamed: string | undefined
  /** The group when this was decided, if what its users get is to be read; of a rollout that judges a release. */
  fleet?: Fleet
  /** Starts the refresh and returns its id; undefined when there is nothing to replace. */
  start: (checkpoints: Checkpoints | undefined) => Promise<string | undefined>
  /** Whether the aim is to go back. */
  isRollback: boolean
  /** Whether it is rolled back when it is bad or stalls: only what `start` started. */
  isGuarded: boolean
  /** Where it pauses, and what the probe must see there; by users' requests per second, if they are known. */
  checkpoints?: (perSecond: number | undefined) => Checkpoints
  /**
   * `throughout` also measures before anything is started; `from now` is for a refresh that is already running;
   * `afterwards` for a fleet that may still be starting, when failures mean nothing.
   */
  probing: 'throughout' | 'from now' | 'afterwards'
  notes: string[]
}

/** A snapshot takes seconds, with the SDK's own retries. */
const UNOBSERVED_MS = 60_000

/** Probes, starts, follows, observes and writes the receipt. Returns the exit code. */
export async function runRollout(context: Context, rollout: Rollout): Promise<number> {
  const { settings, retryPolicy, progress, deadline } = context
  const { templateVersion, isRollback, isGuarded, probing, release } = rollout
  const startedAt = new Date()
  let probe = probing === 'afterwards' ? undefined : await startProbe(context, rollout)
  const traffic = watchTraffic(context, rollout, probe)
  const evidence = context.collectEvidence()
  const { group, url, hooks: own } = settings
  const facts = { group, url, release, previousRelease: rollout.previousRelease, ami: rollout.ami }
  const hooks = new Hooks(own?.stages ?? [], facts, context.runHook, retryPolicy.signal)
  try {
    if (probe && probing === 'throughout') await measureBefore(context, probe)
    const checkpoints = rollout.checkpoints?.(
      await traffic?.usersPerSecond(rollout.fleet?.desired ?? 0),
    )
    const unready = probing === 'throughout' ? await hooks.run('before') : undefined
    if (retryPolicy.signal.aborted) throw interrupted('Nothing was started.')
    if (unready) throw new Stop(`${unready}. Nothing was started.`)
    if (probe) probe.phase = 'during'
    const started = await rollout.start(checkpoints).catch((error: Error) => {
      if (error instanceof LostAnswer) return error
      throw error
    })
    const refreshId = started instanceof LostAnswer ? undefined : started
    const goal: Goal = {
      templateVersion,
      refreshId,
      isRollback,
      isGuarded,
      deadline,
      stallMs: settings.stallSeconds * 1000,
      gapMs: Math.max(UNOBSERVED_MS, 3 * retryPolicy.pollMs),
      checkpoints,
    }
    const lost = (reason: string): Ending => ({ status: 'lost sight', reason })
    const end = await (started instanceof LostAnswer
      ? lost(`what AWS has done is not known: its answer was lost. ${explain(started.lost)}`)
      : follow({ ...context, ...rollout, goal, startedAt, probe, traffic, evidence, hooks }).catch(
          (error: Error) => {
            if (!refreshId || error instanceof Stop) throw error
            return lost(explain(error))
          },
        ))
    if (!end) throw interrupted(whereItGoesOn(settings.group))
    if (isGuarded && refreshId && end.status === 'Successful') {
      end.blame ??= (await hooks.run('first-instance')) ?? (await hooks.run('shipped'))
    }
    hooks.stop()
    if (probe) probe.phase = 'after'
    const { observed, ending } = await observeEnd(context, rollout, end)
    if (probing === 'afterwards' && observed) probe = await startProbe(context, rollout)
    if (probe) await measureAfter(context, probe, observed?.ok ? release : undefined)
    await probe?.stop()
    progress.end()
    const seen = { observed, probe, traffic, evidence, hooks }
    const outcome = { context, rollout, ending, ...seen, startedAt, refreshId }
    return await conclude(outcome)
  } finally {
    hooks.stop()
    traffic?.stop()
    await probe?.stop()
  }
}

async function startProbe(
  { settings, progress }: Context,
  rollout: Rollout,
): Promise<Probe | undefined> {
  const { url, rate, token } = settings
  if (settings.noProbe || !url) return undefined
  // Two images of one release cannot be told apart by what they answer, only by who does.
  const isNew = rollout.release !== rollout.previousRelease
  const release = isNew ? rollout.release : undefined
  const probe = new Probe({ url, rate, token, release })
  const where = `--token or ${service.environmentPrefix}_TOKEN`
  switch (await probe.prepare()) {
    case 'missing':
      progress.note(
        `The service requires a token: without ${where} the canary is left out of the probe.`,
      )
      break
    case 'refused': {
      const refused = `the service refuses the probe's token (${where})`
      // This must not block a rollback.
      if (!rollout.isRollback) {
        throw new Stop(`${refused}. Pass one with write scope, or none to leave the canary out.`)
      }
      rollout.notes.push(`${refused}: the canary was left out of the probe`)
    }
  }
  probe.start()
  return probe
}

/** Reads what users get, while a new release is judged. */
function watchTraffic(
  { aws, settings, retryPolicy }: Context,
  { templateVersion, isRollback, fleet }: Rollout,
  probe: Probe | undefined,
): TrafficWatch | undefined {
  const { group, noProbe, trafficSeconds, pollSeconds } = settings
  if (!fleet || isRollback || noProbe || trafficSeconds === 0) return undefined
  const everyMs = trafficSeconds * 1000
  const pollMs = Math.min(1, pollSeconds) * 1000
  const canaryRequests = probe?.canaryRequests ?? { sent: 0, ended: 0 }
  const traffic = new TrafficWatch(aws, {
    group,
    templateVersion,
    everyMs,
    pollMs,
    canaryRequests,
  })
  traffic.consider(fleet)
  retryPolicy.signal.addEventListener('abort', () => traffic.stop())
  traffic.start()
  return traffic
}

async function measureBefore({ settings, retryPolicy }: Context, probe: Probe): Promise<void> {
  await pause(settings.beforeSeconds * 1000, retryPolicy.signal)
  const figures = probe.figures()
  const { failed, requests } = figures
  if (failed <= settings.failureBudget) return
  await probe.stop()
  throw new Stop(
    `${failed} of ${requests} requests failed before anything was started (${failuresText(figures)}). Fix that first, or accept failures with --failure-budget N or any. Nothing was started.`,
  )
}

async function measureAfter(
  { settings, retryPolicy }: Context,
  probe: Probe,
  release: string | undefined,
): Promise<void> {
  probe.phase = 'after'
  if (release) probe.expected = new Set([release])
  await pause(settings.afterSeconds * 1000, retryPolicy.signal)
}

/** After a success: asks every instance what it runs. A success that nobody could observe is lost from sight. */
async function observeEnd(
  context: Context,
  rollout: Rollout,
  ending: Ending,
): Promise<{ observed: Observation | undefined; ending: Ending }> {
  if (!hasArrived(ending, rollout.isRollback)) return { observed: undefined, ending }
  try {
    return { observed: await observeRelease(context, rollout), ending }
  } catch (error) {
    if (error instanceof Interrupted)
      throw interrupted('The refresh has ended, and nobody has asked the instances.')
    if (error instanceof Stop) throw error
    const reason = `AWS reports success, but the fleet could not be observed: ${explain(error)}`
    return { observed: undefined, ending: { status: 'lost sight', reason, hasEnded: true } }
  }
}

async function observeRelease(
  { settings, watch, retryPolicy }: Context,
  { release, templateVersion }: Rollout,
): Promise<Observation | undefined> {
  const { url, noProbe, observeSeconds, pollSeconds } = settings
  if (noProbe || !url || !release) return undefined
  const snapshot = () => withRetry(() => watch.snapshot(), retryPolicy)
  if ((await snapshot()).desired === 0) return undefined
  return await observe({
    url,
    release,
    inService: async () =>
      inService(await snapshot()).map((member) => ({
        id: member.id,
        isMeant: member.templateVersion === templateVersion,
      })),
    timeoutMs: observeSeconds * 1000,
    pauseMs: Math.min(1, pollSeconds) * 1000,
  })
}

interface Outcome {
  context: Context
  rollout: Rollout
  ending: Ending
  observed: Observation | undefined
  probe: Probe | undefined
  traffic: TrafficWatch | undefined
  evidence: Evidence
  hooks: Hooks
  startedAt: Date
  refreshId: string | undefined
}

async function conclude(outcome: Outcome): Promise<number> {
  const { context, rollout, ending, observed, probe, traffic, evidence, hooks, startedAt } = outcome
  const { settings, watch, aws } = context
  const figures = probe?.figures()
  const { verdict, reason } = verdictOf(
    ending,
    observed,
    figures,
    settings.failureBudget,
    rollout.isRollback,
  )
  const notes = [...rollout.notes]
  if (traffic?.problem) notes.push(`what users got was not seen: ${traffic.problem}`)
  const fleet = await (ending.status === 'lost sight'
    ? undefined
    : withRetry(() => watch.snapshot(), context.retryPolicy).catch(
        (error) => void notes.push(explain(error)),
      ))
  const shipped = verdict === 'shipped'
  if (shipped) await evidence.discard()
  if (shipped && fleet && rollout.release) {
    await unmarkRolledBack(aws, fleet, [rollout.release, rollout.ami]).catch(
      (error) => void notes.push(explain(error)),
    )
  }
  const likelyCause = shipped ? '' : await evidence.conclude(startedAt, reason)
  const isBack = verdict === 'rolled back' || (shipped && rollout.isRollback)
  if (isBack) await hooks.run('back', { verdict, reason })
  const endedAt = new Date()
  context.deliver({
    ...emptyReceipt(settings.group, rollout),
    verdict,
    exitCode: exitCodeOf(verdict),
    reason: goesOn(ending) ? `${reason}. ${whereTo(settings, outcome.refreshId)}` : reason,
    refreshId: outcome.refreshId,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    seconds: (endedAt.getTime() - startedAt.getTime()) / 1000,
    releases: fleet ? countBy('release', fleet) : {},
    images: fleet ? countBy('ami', fleet) : {},
    baseAmi: await baseOf(context, rollout.ami),
    observed,
    probe: probe &&
      figures && {
        ...figures,
        failureBudget: Number.isFinite(settings.failureBudget) ? settings.failureBudget : 'any',
        canary: probe.hasCanary,
      },
    traffic: traffic && !traffic.problem ? traffic.comparison.figures() : undefined,
    hooks: hooks.ran,
    notes,
    evidence: shipped ? undefined : { folder: evidence.folder, likelyCause },
  })
  return exitCodeOf(verdict)
}

/** Undefined if it is not known, which must not cost the receipt. */
async function baseOf({ aws }: Context, ami: string | undefined): Promise<string | undefined> {
  const image = await (ami && findImage(aws, ami).catch(() => undefined))
  return image ? image.source : undefined
}

const goesOn = ({ status, hasEnded }: Ending): boolean =>
  !hasEnded && (status === 'timed out' || status === 'lost sight')

const whereTo = ({ group }: Context['settings'], refreshId: string | undefined): string =>
  refreshId ? whereItGoesOn(group) : `See 'scripts/rollout status --group ${group}'.`

const interrupted = (text: string): Stop => new Stop(`interrupted. ${text}`, EXIT.interrupted)
