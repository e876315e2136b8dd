import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DescribeScalingActivitiesCommand } from '@aws-sdk/client-auto-scaling'
import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { runDocument } from '../aws/ssm.ts'
import type { Fleet, Member } from '../fleet/fleet.ts'
import { type Finding, likelyCause } from './cause.ts'

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
  /** Collects from a few of the members that run `version`: unhealthy ones, or with `all` any that still exist. */
  consider(fleet: Fleet, version: number, all: boolean): void
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

  consider(fleet: Fleet, version: number, all: boolean): void {
    for (const member of fleet.members) {
      const failing = member.health === 'Unhealthy' || member.target === 'unhealthy'
      if (this.findings.size >= MOST_INSTANCES) return
      if (member.version !== version || this.findings.has(member.id)) continue
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
    const text = await this.ask(member.id)
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

  private async ask(id: string): Promise<string> {
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
