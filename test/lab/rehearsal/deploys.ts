import { join } from 'node:path'
import type { Receipt } from '../../../scripts/lib/receipt/receipt.ts'
import { service } from '../../../scripts/lib/service.ts'
import type { Pace } from '../aws-double/clock.ts'
import type { ControlPlane } from '../aws-double/control-plane.ts'
import { accessKeyOf, type Role } from '../iam/roles.ts'
import type { Assignment } from './assignment.ts'
import type { Rollout } from './report/result.ts'

/** A person, or an accident, at the terminal of a script. */
export interface Interruption {
  signal: 'SIGINT' | 'SIGKILL'
  when: Promise<void>
}

/** How a script is run, if not from this tree and to its end. */
export interface Run {
  /** The folder of the clone whose script it is. */
  clone?: string
  env?: Record<string, string>
  interruption?: Interruption | undefined
}

/** Who runs a script: the workflow of that name, or an operator. */
function roleOf(script: string, [verb]: string[]): Role {
  if (script === 'ops' || script === 'verify') return 'operator'
  if (script === 'secrets') return 'secrets'
  return script === 'rollout' && verb !== 'start' ? 'rollback' : 'deploy'
}

/** Runs the scripts of this tree as somebody would run them against AWS. */
export class Deploys {
  readonly rollouts: Rollout[] = []

  constructor(
    private readonly assignment: Assignment,
    private readonly plane: ControlPlane,
    private readonly env: Record<string, string>,
  ) {}

  /** Runs a script to completion and returns its exit code, -1 if killed. Its output goes to the file `log`. */
  async script(
    name: string,
    words: string[],
    log: string,
    { clone = this.assignment.root, env = {}, interruption }: Run = {},
  ): Promise<number> {
    const output = Bun.file(join(this.assignment.folder, log)).writer()
    const child = Bun.spawn([join(clone, 'scripts', name), ...words], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: {
        ...process.env,
        ...this.env,
        AWS_ACCESS_KEY_ID: accessKeyOf(roleOf(name, words)),
        ...env,
      },
    })
    interruption?.when.then(() => child.kill(interruption.signal))
    const passOn = async (stream: ReadableStream<Uint8Array>) => {
      for await (const chunk of stream) {
        output.write(chunk)
        if (this.assignment.verbose) process.stderr.write(chunk)
      }
    }
    await Promise.all([passOn(child.stdout), passOn(child.stderr), child.exited])
    await output.end()
    return child.exitCode ?? -1
  }

  /** Runs a verb of scripts/rollout that moves the fleet to release `to`; returns what its receipt says. */
  async rollout(
    to: string,
    words: string[],
    pace: Pace,
    interruption?: Interruption,
  ): Promise<Rollout> {
    return await this.record(to, 'rollout', pace, async (log, env) => {
      return await this.script('rollout', words, log, { env, interruption })
    })
  }

  /** Ships release `to` by scripts/deploy of a clone; returns what the rollout's receipt says. */
  async deploy(to: string, clone: string, pace: Pace): Promise<Rollout> {
    return await this.record(to, 'deploy', pace, async (log, env) => {
      return await this.script('deploy', [to, '--yes'], log, { env, clone })
    })
  }

  /** `run` gets the name of its log, and the environment that says where receipt and evidence go; returns an exit code. */
  private async record(
    to: string,
    script: Rollout['script'],
    pace: Pace,
    run: (log: string, env: Record<string, string>) => Promise<number>,
  ): Promise<Rollout> {
    const number = this.rollouts.length + 1
    const receiptPath = join(this.assignment.folder, `rollout-${number}.json`)
    const startedAt = Date.now()
    const rollout: Rollout = {
      from: this.plane.template.versions[this.plane.group.version - 1]?.tags.release ?? '',
      to,
      script,
      startedAt,
      endedAt: startedAt,
      exitCode: -1,
      cutSeconds: 0,
      verdict: undefined,
      probe: undefined,
      traffic: undefined,
    }
    this.rollouts.push(rollout)
    const prefix = `${service.environmentPrefix}_ROLLOUT`
    rollout.exitCode = await run(`rollout-${number}.log`, {
      [`${prefix}_POLL_SECONDS`]: '1',
      [`${prefix}_BEFORE_SECONDS`]: '5',
      [`${prefix}_AFTER_SECONDS`]: '5',
      // Where waits are shorter, so would be what there is to compare.
      ...(this.assignment.pace > 1 ? { [`${prefix}_TRAFFIC_SECONDS`]: '0' } : {}),
      [`${prefix}_RECEIPT`]: receiptPath,
      [`${prefix}_EVIDENCE`]: join(this.assignment.folder, `evidence-${number}`),
    })
    rollout.endedAt = Date.now()
    rollout.cutSeconds = this.cutSeconds(pace)
    const file = Bun.file(receiptPath)
    if (await file.exists()) {
      const { verdict, probe, traffic } = (await file.json()) as Receipt
      rollout.verdict = verdict
      rollout.traffic = traffic
      if (probe) {
        const { requests, failed, longestGapSeconds } = probe
        rollout.probe = { requests, failed, longestGapSeconds }
      }
    }
    return rollout
  }

  /** Seconds saved on the waits of the newest refresh, if it succeeded. */
  private cutSeconds({ warmup = 1, checkpoint = 1, bake = 1 }: Pace): number {
    const [refresh] = this.plane.refreshes
    if (refresh?.status !== 'Successful') return 0
    const { instanceWarmup, checkpointDelay, checkpointPercentages, bakeTime } = refresh.preferences
    const stops = Math.max(1, checkpointPercentages.length)
    const saved = (seconds: number, pace: number) => seconds - seconds / pace
    return (
      stops * (saved(instanceWarmup, warmup) + saved(checkpointDelay, checkpoint)) +
      saved(bakeTime, bake)
    )
  }
}
