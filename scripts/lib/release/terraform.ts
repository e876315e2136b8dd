import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { Stop } from '../cli/errors.ts'
import { isColourful } from '../cli/format.ts'
import { GroupName } from '../fleet/forms.ts'
import { root } from '../service.ts'

const output = <T extends z.ZodType>(value: T) => z.object({ value }).optional()

/** Of the outputs in terraform/outputs.tf, those that are gone by. Whoever writes the state can write them. */
const Outputs = z
  .object({
    url: output(z.url({ protocol: /^https?$/ }).regex(/^[!-~]+$/)),
    group_name: output(GroupName),
    region: output(z.string().regex(/^[a-z0-9-]{1,30}$/)),
    alarm_names: output(z.array(z.string().regex(/^[ -~]{1,255}$/))),
  })
  .transform(({ url, group_name, region, alarm_names }) => ({
    url: url?.value,
    group: group_name?.value,
    region: region?.value,
    alarms: alarm_names?.value ?? [],
  }))

export type Outputs = z.output<typeof Outputs>

/** One resource of a plan, and what happens to it: create, update, delete, or delete and create for a replacement. */
export interface Change {
  address: string
  actions: string[]
  /** Its attributes now and then, secret ones included; null where it does not exist. */
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
}

/** Runs this project's Terraform in its folder. */
export class Terraform {
  /** Whether somebody interrupted a run. */
  interrupted = false

  /** `limitMs`: how long what only reads may take; then it is stopped. */
  constructor(
    private readonly folder: string,
    private readonly limitMs?: number,
  ) {
    if (!Bun.which('terraform')) {
      throw new Stop('terraform is not on PATH: install it (1.11 or newer)')
    }
  }

  /** Downloads providers and finds modules unless already done. */
  async init(): Promise<void> {
    if (existsSync(join(this.folder, '.terraform/modules/modules.json'))) return
    // A provider is code that runs with these credentials: the state may not name another than the lock file.
    const words = ['init', '-input=false', '-lockfile=readonly']
    if ((await this.run(words)) === 0) return
    throw new Stop(
      "terraform init failed (above). Of providers it takes only those in terraform/.terraform.lock.hcl: make that with 'terraform -chdir=terraform init', and commit it",
    )
  }

  /** All empty before the first apply. */
  async outputs(): Promise<Outputs> {
    const text = await this.read(['output', '-json', '-no-color'])
    const { data, error } = Outputs.safeParse(JSON.parse(text))
    if (data) return data
    throw new Stop(
      `terraform output: the value of '${String(error.issues[0]?.path[0])}' is not one that terraform/outputs.tf makes`,
    )
  }

  /**
   * Plans into the file `plan`, without a word and without locking the state. Whether it would change anything; throws
   * `Stop` with Terraform's error.
   */
  async differs(plan: string): Promise<boolean> {
    const args = ['plan', '-input=false', '-lock=false', '-no-color', '-detailed-exitcode']
    const { code, complaint } = await this.capture([...args, `-out=${plan}`])
    if (code !== 0 && code !== 2) throw failed('plan', complaint)
    return code === 2
  }

  /** What a saved plan would change, as `terraform show` reports it. */
  async changes(plan: string): Promise<Change[]> {
    const { resource_changes = [] } = JSON.parse(
      await this.read(['show', '-json', '-no-color', plan]),
    ) as {
      resource_changes?: { address: string; mode: string; change: Omit<Change, 'address'> }[]
    }
    return resource_changes
      .filter(({ mode, change }) => mode === 'managed' && change.actions[0] !== 'no-op')
      .map(({ address, change: { actions, before, after } }) => ({
        address,
        actions,
        before,
        after,
      }))
  }

  /** Whether the state names the AMI anywhere; true if it cannot be read. */
  async stateNames(ami: string): Promise<boolean> {
    const { text, code } = await this.capture(['state', 'pull'])
    return code !== 0 || text.includes(ami)
  }

  private async read(args: string[]): Promise<string> {
    const { text, complaint, code } = await this.capture(args)
    if (code !== 0) throw failed(args[0] ?? '', complaint)
    return text
  }

  private async capture(
    args: string[],
  ): Promise<{ text: string; complaint: string; code: number | null }> {
    const child = Bun.spawn(['terraform', `-chdir=${this.folder}`, ...args], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: process.env,
      ...(this.limitMs ? { timeout: this.limitMs } : {}),
    })
    const [text, complaint] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ])
    if (child.signalCode) {
      throw new Stop(`terraform ${args[0]} was stopped after ${(this.limitMs ?? 0) / 1000} s`)
    }
    return { text, complaint, code: child.exitCode }
  }

  /**
   * Runs attached to the terminal; returns the exit code. A terminal sends Ctrl-C to Terraform, too, which then stops in
   * its own time and saves its state: this process stays until it has.
   */
  async run(args: string[], env: Record<string, string> = {}): Promise<number> {
    const [command = '', ...rest] = args
    const plain = isColourful(process.stdout) ? [] : ['-no-color']
    const child = Bun.spawn(['terraform', `-chdir=${this.folder}`, command, ...plain, ...rest], {
      stdio: ['inherit', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    })
    const stay = (): void => {
      this.interrupted = true
    }
    const pass = (signal: NodeJS.Signals): void => {
      this.interrupted = true
      child.kill(signal)
    }
    process.on('SIGINT', stay).on('SIGTERM', pass).on('SIGHUP', pass)
    const code = await child.exited
    process.off('SIGINT', stay).off('SIGTERM', pass).off('SIGHUP', pass)
    return code
  }
}

const failed = (command: string, complaint: string): Stop =>
  new Stop(`terraform ${command} failed: ${complaint.trim()}`)

/** The URL among the outputs of this tree's Terraform, if its group is `group`. */
export async function recordedUrl(group: string): Promise<string | undefined> {
  if (!Bun.which('terraform')) return undefined
  const outputs = await new Terraform(join(root, 'terraform')).outputs().catch(() => undefined)
  return outputs?.group === group ? outputs.url : undefined
}
