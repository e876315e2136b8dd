import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Stop } from '../cli.ts'

/** What terraform/outputs.tf tells of what stands. */
export interface Outputs {
  url: string | undefined
  group: string | undefined
  region: string | undefined
  alarms: string[]
}

/** The Terraform of this project, run in its folder. */
export class Terraform {
  constructor(private readonly folder: string) {
    if (!Bun.which('terraform')) {
      throw new Stop('terraform is not on PATH: install it (1.10 or newer)')
    }
  }

  /** Downloads providers where that was not done yet. */
  async init(): Promise<void> {
    if (existsSync(join(this.folder, '.terraform'))) return
    if ((await this.run(['init', '-input=false'])) !== 0) throw new Stop('terraform init failed')
  }

  /** Nothing is known before the first apply. */
  async outputs(): Promise<Outputs> {
    const child = Bun.spawn(['terraform', `-chdir=${this.folder}`, 'output', '-json'], {
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [text, complaint, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ])
    if (code !== 0) throw new Stop(`terraform output failed: ${complaint.trim()}`)
    const values = JSON.parse(text) as Record<string, { value: unknown } | undefined>
    return {
      url: values.url?.value as string | undefined,
      group: values.group_name?.value as string | undefined,
      region: values.region?.value as string | undefined,
      alarms: (values.alarm_names?.value as string[] | undefined) ?? [],
    }
  }

  /** Runs with the terminal handed over; returns the exit code. */
  async run(args: string[], env: Record<string, string> = {}): Promise<number> {
    const [command = '', ...rest] = args
    const child = Bun.spawn(['terraform', `-chdir=${this.folder}`, command, ...rest], {
      stdio: ['inherit', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    })
    return await child.exited
  }
}
