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
  token: string | undefined
  terraformOptions: string[]
  /** Called unless the apply was started: when the plan failed, or the answer was no. */
  undo: () => Promise<void>
}

/** Shows Terraform's plan, asks, and applies it. Returns the rollout's receipt, if there was something to roll out. */
export async function apply(
  terraform: Terraform,
  options: ApplyOptions,
): Promise<Receipt | 'declined' | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'deploy-'))
  const plan = join(folder, 'release.tfplan')
  let begun = false
  try {
    const retry = options.retry ? ['-var=retry_rolled_back=true'] : []
    const arguments_ = [
      'plan',
      '-input=false',
      `-out=${plan}`,
      ...retry,
      ...options.terraformOptions,
    ]
    if ((await terraform.run(arguments_)) !== 0) {
      if (terraform.interrupted)
        throw new Stop('interrupted; nothing was changed', EXIT.interrupted)
      throw new Stop('terraform plan failed; nothing was changed')
    }
    if (!options.all) refuseOthers(await terraform.changes(plan))
    if (!options.yes && !(await agreed())) return 'declined'
    begun = true
    // Where the caller asked for it, so that a pipeline can show it.
    const receipt = process.env[RECEIPT] ?? join(folder, 'receipt.json')
    await rm(receipt, { force: true })
    return await applyPlan(terraform, plan, receipt, options.token)
  } finally {
    if (!begun) await options.undo()
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

// local-exec hides the exit code of scripts/rollout; its receipt has it.
async function applyPlan(
  terraform: Terraform,
  plan: string,
  receipt: string,
  token: string | undefined,
): Promise<Receipt | undefined> {
  const code = await terraform.run(['apply', '-input=false', plan], {
    [RECEIPT]: receipt,
    ...(token ? { [`${service.environmentPrefix}_TOKEN`]: token } : {}),
  })
  if (terraform.interrupted) {
    throw new Stop(
      "interrupted. A refresh that has started goes on: see 'scripts/rollout status', follow it with 'scripts/rollout watch', undo it with 'scripts/rollout rollback'.",
      EXIT.interrupted,
    )
  }
  const written = existsSync(receipt) ? ((await Bun.file(receipt).json()) as Receipt) : undefined
  if (code !== 0 && !written) {
    throw new Stop('terraform apply failed before the rollout had a verdict')
  }
  // The rollout may have succeeded and something else failed.
  if (code !== 0 && written?.verdict === 'shipped') {
    throw new Stop('the fleet runs the release, but terraform apply failed (above)')
  }
  return written
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
