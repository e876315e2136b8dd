import { EXIT } from '../cli/errors.ts'
import { clockTime, releaseCounts, shortRelease } from '../cli/format.ts'
import { type Figures, failuresText, type Phase } from '../probe/figures.ts'
import type { Observation } from '../probe/observe.ts'
import type { Answered, TrafficFigures } from '../probe/traffic.ts'
import { service } from '../service.ts'

export type Verdict =
  | 'shipped'
  | 'rolled back'
  | 'failed'
  | 'cancelled'
  | 'timed out'
  | 'lost sight'
  | 'skipped'

/** When an executable of somebody's own runs. */
export type Stage = 'before' | 'first-instance' | 'shipped' | 'back'

/** How the executable of a stage ended. */
export interface HookRun {
  stage: Stage
  /** What was wrong; undefined: it ended well. */
  problem: string | undefined
  seconds: number
  /** The end of what it printed. */
  output: string
}

/** The result of a rollout, as it is written for machines. */
export interface Receipt {
  verdict: Verdict
  exitCode: number
  reason: string
  group: string
  release: string | undefined
  previousRelease: string | undefined
  launchTemplateVersion: number | undefined
  /** Whether the aim was to go back. */
  isRollback: boolean
  /** The AMI of that version, and the one that it was baked on. */
  ami: string | undefined
  baseAmi: string | undefined
  refreshId: string | undefined
  startedAt: string
  endedAt: string
  seconds: number
  /** Instances in service by release at the end, whatever the verdict. */
  releases: Record<string, number>
  /** The same by AMI, as EC2 says: two images of one release answer alike. */
  images: Record<string, number>
  observed: Observation | undefined
  probe: (Figures & { failureBudget: number | 'any'; canary: boolean }) | undefined
  /** What all callers got from each release, the probe among them; undefined: not seen. */
  traffic: TrafficFigures | undefined
  hooks: HookRun[]
  notes: string[]
  evidence: { folder: string; likelyCause: string } | undefined
}

/** The receipt for people, line by line, without colour. */
export function receiptLines(receipt: Receipt): string[] {
  const { observed, probe, traffic, evidence } = receipt
  const lines = [
    `verdict     ${verdictText(receipt)}${receipt.reason ? `: ${receipt.reason}` : ''}`,
    `group       ${receipt.group}`,
    `release     ${shortRelease(receipt.previousRelease)} -> ${shortRelease(receipt.release)}, launch template version ${receipt.launchTemplateVersion ?? 'unknown'}, ${receipt.ami ?? 'AMI unknown'}`,
    `took        ${clockTime(receipt.seconds)}`,
    `in service  ${releaseCounts(receipt.releases)}`,
    `images      ${releaseCounts(receipt.images)}${receipt.baseAmi ? `; baked on ${receipt.baseAmi}` : ''}`,
  ]
  if (observed) {
    lines.push(
      `observed    ${observed.seen.length} of ${observed.inService} instances answered ${service.version.path} with the release`,
    )
  }
  if (probe) lines.push(...probeLines(probe))
  if (traffic) {
    lines.push(
      `users       of the new release: ${answeredText(traffic.ofNew)}`,
      `            of the previous one: ${answeredText(traffic.ofOthers)}`,
    )
  }
  for (const { stage, problem = 'ended well', seconds } of receipt.hooks) {
    lines.push(`hook        ${stage} ${problem} (${clockTime(seconds)})`)
  }
  lines.push(...receipt.notes.map((note) => `note        ${note}`))
  if (evidence) lines.push(`cause       ${evidence.likelyCause}`, `evidence    ${evidence.folder}`)
  return lines
}

/** What a person calls it. */
const verdictText = ({ verdict, isRollback, release }: Receipt): string =>
  verdict === 'shipped' && isRollback ? `back on ${shortRelease(release)}` : verdict

function answeredText({ requests, failed, p50, p99 }: Answered): string {
  const latency =
    p50 === null || p99 === null ? '' : `, p50/p99 ${p50.toFixed(0)}/${p99.toFixed(0)} ms`
  return `${requests} requests, ${failed} failed${latency}`
}

function probeLines(probe: NonNullable<Receipt['probe']>): string[] {
  const failures = failuresText(probe)
  const latency = (name: Phase): string => {
    const { p50, p99, requests } = probe.phases[name]
    if (p50 === null || p99 === null) return `${name} none of ${requests} answered`
    return `${name} ${p50.toFixed(0)}/${p99.toFixed(0)} ms`
  }
  return [
    `requests    ${probe.requests}, ${probe.failed} failed (budget ${probe.failureBudget})${failures && `: ${failures}`}`,
    `longest gap ${probe.longestGapSeconds.toFixed(1)} s`,
    `p50/p99     ${(['before', 'during', 'after'] as Phase[])
      .filter((name) => probe.phases[name].requests > 0)
      .map(latency)
      .join(', ')}`,
  ]
}

/** The receipt of a rollout that was not started. */
export function emptyReceipt(
  group: string,
  rollout: Pick<Receipt, 'ami' | 'release' | 'previousRelease' | 'isRollback' | 'notes'> & {
    templateVersion: number | undefined
  },
): Receipt {
  const now = new Date().toISOString()
  return {
    verdict: 'skipped',
    exitCode: EXIT.ok,
    reason: '',
    group,
    release: rollout.release,
    previousRelease: rollout.previousRelease,
    launchTemplateVersion: rollout.templateVersion,
    isRollback: rollout.isRollback,
    ami: rollout.ami,
    baseAmi: undefined,
    refreshId: undefined,
    startedAt: now,
    endedAt: now,
    seconds: 0,
    releases: {},
    images: {},
    observed: undefined,
    probe: undefined,
    traffic: undefined,
    hooks: [],
    notes: rollout.notes,
    evidence: undefined,
  }
}
