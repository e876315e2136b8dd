import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { EXIT, Stop } from '../cli/errors.ts'
import type { Receipt } from '../receipt/receipt.ts'
import { service } from '../service.ts'
import type { Change, Terraform } from './terraform.ts'

const RECEIPT = `${service.environmentPrefix}_ROLLOUT_RECEIPT`

export interface ApplyOptions {
  yes: boolean
  retry: boolean
  /** Whether the plan may change more than a release needs. */
  all: boolean
  /** For the rollout that the apply runs. */
  environment: Record<string, string>
  terraformOptions: string[]
}

export interface Applied {
  /** Of terraform apply. */
  exitCode: number
  /** Of the rollout, if there was something to roll out, and it had a verdict. */
  receipt: Receipt | undefined
}

/** Shows Terraform's plan, asks, and applies it. Throws `Stop` unless the apply was started: nothing was changed. */
export async function apply(terraform: Terraform, options: ApplyOptions): Promise<Applied> {
  const folder = await mkdtemp(join(tmpdir(), 'deploy-'))
  const plan = join(folder, 'release.tfplan')
  try {
    const retry = options.retry ? ['-var=retry_rolled_back=true'] : []
    const words = ['plan', '-input=false', `-out=${plan}`, ...retry, ...options.terraformOptions]
    if ((await terraform.run(words)) !== 0) {
      if (terraform.interrupted)
        throw new Stop('interrupted; nothing was changed', EXIT.interrupted)
      throw new Stop('terraform plan failed; nothing was changed')
    }
    if (!options.all) refuseOthers(await terraform.changes(plan))
    if (!options.yes && !(await agreed())) throw new Stop('nothing was changed')
    // Where the caller asked for it, so that a pipeline can show it.
    const path = process.env[RECEIPT] ?? join(folder, 'receipt.json')
    await rm(path, { force: true })
    const environment = { ...options.environment, [RECEIPT]: path }
    const exitCode = await terraform.run(['apply', '-input=false', plan], environment)
    // local-exec hides the exit code of scripts/rollout; its receipt has it.
    const receipt = existsSync(path) ? ((await Bun.file(path).json()) as Receipt) : undefined
    return { exitCode, receipt }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What a release changes: the launch template, and the rollout that follows. */
export const RELEASE_RESOURCES = ['aws_launch_template.main', 'terraform_data.rollout']

function refuseOthers(changes: Change[]): void {
  const others = changes.filter(
    ({ address, actions }) => !RELEASE_RESOURCES.includes(address) || actions.join() === 'delete',
  )
  if (others.length === 0) return
  const lines = others.map(({ address, actions }) => `- ${address}: ${actions.join(' and ')}`)
  throw new Stop(
    `the plan changes more than the release:\n${lines.join('\n')}\nIf that is intended, pass --all; if not, look for settings that are not in a file that Terraform loads automatically (*.auto.tfvars). Nothing was changed.`,
  )
}

async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new Stop('no terminal to ask on: check --plan, then pass --yes. Nothing was changed.')
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await terminal.question('\nShip it? Type yes: ')
  terminal.close()
  return answer.trim() === 'yes'
}
