import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DescribeScalingActivitiesCommand } from '@aws-sdk/client-auto-scaling'
import type { Aws } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import type { Fleet, Member } from '../aws/fleet.ts'
import { runDocument } from '../aws/ssm.ts'
import { type Finding, likelyCause } from './cause.ts'

/** What a few have to say is what all have to say. */
const MOST_INSTANCES = 5

export interface EvidenceOptions {
  group: string
  /** Where this rollout's own folder is made; undefined is the system's temporary one. */
  folder: string | undefined
  pollMs: number
  timeoutMs: number
}

/** What instances that fail have to say, collected while they are still there. */
export interface Evidence {
  /** Where it is; `none` when there is none. */
  readonly folder: string
  /** Looks at a few of the members that run `version`: unhealthy ones, or with `all` any that still exist. */
  consider(fleet: Fleet, version: number, all: boolean): void
  /** Waits for what is under way, adds failed launches since `since`, and names the likely cause. */
  conclude(since: Date, statusReason: string): Promise<string>
  /** Of a rollout that went well, after all. */
  discard(): Promise<void>
}

/**
 * Pulls, once per instance that fails, the unit status and journal over SSM together with what the load balancer says
 * of it, into a folder. It starts while the refresh still goes on: a failed instance is gone minutes later.
 */
export class EvidenceFolder implements Evidence {
  /** Of this rollout alone, so that it may be removed whole. */
  private readonly path: string
  private readonly findings = new Map<string, Promise<Finding>>()
  private launchFailures: string[] = []

  constructor(
    private readonly aws: Aws,
    private readonly options: EvidenceOptions,
  ) {
    const name = `${options.group}-${new Date().toISOString().replace(/[:.]/g, '-')}`
    this.path = join(options.folder ?? tmpdir(), `rollout-${name}`)
  }

  get folder(): string {
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
      await mkdir(this.path, { recursive: true })
      await Bun.write(join(this.path, 'failed-launches.txt'), `${this.launchFailures.join('\n')}\n`)
    }
    return likelyCause(findings, this.launchFailures, statusReason)
  }

  private async pull(member: Member): Promise<Finding> {
    const folder = join(this.path, member.id)
    await mkdir(folder, { recursive: true })
    const { target, targetReason, targetDescription, ...rest } = member
    await Bun.write(
      join(folder, 'instance.json'),
      `${JSON.stringify({ ...rest, target, targetReason, targetDescription }, undefined, 2)}\n`,
    )
    const text = await this.ask(member.id)
    await Bun.write(join(folder, 'bundle.txt'), text)
    return {
      id: member.id,
      targetReason: targetReason ?? '',
      targetDescription: targetDescription ?? '',
      text,
    }
  }

  private async ask(id: string): Promise<string> {
    const { group, pollMs, timeoutMs } = this.options
    try {
      const { status, stdout, stderr } = await runDocument(this.aws, id, {
        group,
        verb: 'bundle',
        comment: 'rollout: evidence of a failed instance',
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
