import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DescribeScalingActivitiesCommand } from '@aws-sdk/client-auto-scaling'
import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { runDocument } from '../aws/ssm.ts'
import type { Fleet, Member } from '../fleet/fleet.ts'

/** A few failed instances speak for all of them. */
const MOST_INSTANCES = 5

export interface EvidenceOptions {
  group: string
  /** Parent of this rollout's folder; undefined: the system's temporary folder. */
  folder: string | undefined
  pollMs: number
  timeoutMs: number
}

/** Evidence from failing instances, collected while they still exist. */
export interface Evidence {
  /** Where it is; `none` if there is none. */
  readonly folder: string
  /** Collects from a few of the members that run `templateVersion`: unhealthy ones, or with `all` any that still exist. */
  consider(fleet: Fleet, templateVersion: number, all: boolean): void
  /** Waits for pending collections, adds launches that failed since `since`, and returns the likely cause. */
  conclude(since: Date, statusReason: string): Promise<string>
  /** Removes what was collected; for a rollout that succeeded after all. */
  discard(): Promise<void>
}

/**
 * Collects in a folder, once per failing instance, the unit status and journal over SSM and what the load balancer says
 * about it. This starts while the refresh is still running: a failed instance is gone minutes later.
 */
export class EvidenceFolder implements Evidence {
  /** Used by this rollout only, so that it can be removed as a whole. */
  private readonly path: string
  private readonly findings = new Map<string, Promise<Finding>>()
  private launchFailures: string[] = []
  private unwritten: string | undefined

  constructor(
    private readonly aws: Aws,
    private readonly options: EvidenceOptions,
  ) {
    const name = `${options.group}-${new Date().toISOString().replace(/[:.]/g, '-')}`
    this.path = join(options.folder ?? tmpdir(), `rollout-${name}`)
  }

  get folder(): string {
    if (this.unwritten !== undefined) return `none could be written: ${this.unwritten}`
    return this.findings.size > 0 || this.launchFailures.length > 0 ? this.path : 'none'
  }

  async discard(): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }

  consider(fleet: Fleet, templateVersion: number, all: boolean): void {
    for (const member of fleet.members) {
      const failing = member.health === 'Unhealthy' || member.target === 'unhealthy'
      if (this.findings.size >= MOST_INSTANCES) return
      if (member.templateVersion !== templateVersion || this.findings.has(member.id)) continue
      if (all || failing) this.findings.set(member.id, this.pull(member))
    }
  }

  async conclude(since: Date, statusReason: string): Promise<string> {
    const findings = await Promise.all(this.findings.values())
    this.launchFailures = await this.failedLaunches(since).catch((error) => [explain(error)])
    if (this.launchFailures.length > 0) {
      await this.keep('failed-launches.txt', `${this.launchFailures.join('\n')}\n`)
    }
    return likelyCause(findings, this.launchFailures, statusReason)
  }

  private async pull(member: Member): Promise<Finding> {
    const { target, targetReason, targetDescription, ...rest } = member
    const facts = { ...rest, target, targetReason, targetDescription }
    await this.keep(`${member.id}/instance.json`, `${JSON.stringify(facts, undefined, 2)}\n`)
    const text = await this.bundleOf(member.id)
    await this.keep(`${member.id}/bundle.txt`, text)
    return {
      id: member.id,
      targetReason: targetReason ?? '',
      targetDescription: targetDescription ?? '',
      text,
    }
  }

  /** A disk that is full, or a folder that is not ours, must not cost the verdict. */
  private async keep(name: string, text: string): Promise<void> {
    await Bun.write(join(this.path, name), text).catch((error: Error) => {
      this.unwritten = error.message
    })
  }

  private async bundleOf(id: string): Promise<string> {
    const { group, pollMs, timeoutMs } = this.options
    try {
      const { status, stdout, stderr } = await runDocument(this.aws, id, {
        group,
        verb: 'bundle',
        comment: 'rollout: evidence from a failed instance',
        pollMs,
        timeoutMs,
      })
      return `${status}\n${stdout}${stderr}`
    } catch (error) {
      return `The instance could not be asked over SSM: ${explain(error)}\n`
    }
  }

  private async failedLaunches(since: Date): Promise<string[]> {
    const answer = await this.aws.autoScaling.send(
      new DescribeScalingActivitiesCommand({
        AutoScalingGroupName: this.options.group,
        MaxRecords: 50,
      }),
    )
    const failed = (answer.Activities ?? []).filter(
      ({ StatusCode, StartTime }) => StatusCode === 'Failed' && (StartTime ?? since) >= since,
    )
    return [...new Set(failed.map(({ StatusMessage }) => StatusMessage ?? 'no message'))]
  }
}

/** What is known about one failed instance. */
export interface Finding {
  id: string
  targetReason: string
  targetDescription: string
  /** What the instance returned over SSM: unit status and journal. */
  text: string
}

const SIGNS: [RegExp, string][] = [
  [
    /status=78|exit(ed|\s+code)?[^\n]{0,20}\b78\b|EX_CONFIG/i,
    'the service rejects its configuration (exit 78): the journal lists every invalid variable',
  ],
  [
    /status=203|203\/EXEC|Exec format error/i,
    'the executable cannot be run: wrong architecture, or missing from the image',
  ],
  [
    /oom-kill|Out of memory|status=9\/KILL/i,
    'the service was killed for using too much memory: raise MemoryMax, or use a larger instance type',
  ],
  [
    /AccessDenied[^\n]*ssm|ssm[^\n]*AccessDenied|not authorized to perform: ssm/i,
    'the instance role is not allowed to read its secrets from SSM Parameter Store',
  ],
  [/ParameterNotFound/i, 'a secret is missing from SSM Parameter Store: run scripts/secrets'],
  [
    /(redis|store)[^\n]*(ECONNREFUSED|ETIMEDOUT|ENOTFOUND|timed out|unreachable|not answer)|WRONGPASS|NOAUTH/i,
    'the store cannot be reached or rejects the password: /hc returns 503 until the first round trip succeeds',
  ],
  [/EADDRINUSE|PORT: \d+ is taken/i, 'the port is taken by another process on the instance'],
  [
    /"status":\s*"starting"/i,
    'the service has had no successful round trip to its store since boot',
  ],
]

/** The likeliest cause in one sentence, from what the instances, the load balancer and AWS reported. */
export function likelyCause(
  findings: Finding[],
  launchFailures: string[],
  statusReason: string,
): string {
  const text = findings.map((finding) => finding.text).join('\n')
  const sign = SIGNS.find(([pattern]) => pattern.test(text))
  if (sign) return sign[1]
  const [launch] = launchFailures
  if (launch) return `instances could not be launched: ${launch}`
  if (/alarm/i.test(statusReason)) return `an alarm stopped it: ${statusReason}`
  const target = findings.find(({ targetReason }) => targetReason)
  if (target) return targetCause(target)
  return statusReason || 'the collected evidence does not show it'
}

function targetCause({ targetReason, targetDescription }: Finding): string {
  const said = targetDescription ? ` (${targetDescription})` : ''
  switch (targetReason) {
    case 'Target.ResponseCodeMismatch':
      return `/hc does not return 200${said}`
    case 'Target.Timeout':
      return `/hc does not answer in time${said}: the service hangs, or a security group blocks the requests`
    case 'Target.FailedHealthChecks':
      return `nothing answers on the service's port${said}: the unit is not running, or listens elsewhere`
    default:
      return `the load balancer reports ${targetReason}${said}`
  }
}
