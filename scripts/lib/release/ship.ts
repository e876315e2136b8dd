import { join } from 'node:path'
import { type Aws, chosenRegion, connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import { findFreeze } from '../fleet/freeze.ts'
import type { Arch } from '../fleet/images.ts'
import { newestRefresh } from '../fleet/refresh.ts'
import { isRunning } from '../fleet/refresh-status.ts'
import { provenanceOf } from '../provenance/attested.ts'
import type { Receipt } from '../receipt/receipt.ts'
import { root, service } from '../service.ts'
import { type Applied, apply } from './apply.ts'
import { choose } from './choose.ts'
import { bumped, RELEASE_FILE, readReleaseFile, writeReleaseFile } from './file.ts'
import { describePlan, type Pace } from './plan.ts'
import { Terraform } from './terraform.ts'

export interface DeployOptions {
  /** Undefined is HEAD, or with `previous` the previous release. */
  release: string | undefined
  /** Which of the release's images; undefined: the newest. */
  ami: string | undefined
  previous: boolean
  /** Ship the newest image of the deployed release. */
  patch: boolean
  /** Only describe what would happen. */
  plan: boolean
  yes: boolean
  /** Apply even a plan that changes more than a release needs. */
  all: boolean
  /** Ship an image that nothing proves to be compatible with the release that runs. */
  incompatible: boolean
  /** Ship an image that no trusted builder vouches for. */
  unattested: boolean
  retry: boolean
  /** Ship although deploys are frozen. */
  duringFreeze: boolean
  arch: Arch | undefined
  region: string | undefined
  token: string | undefined
  terraformOptions: string[]
  pace: Pace
}

const variable = (name: string): string => `${service.environmentPrefix}_${name}`

/** Chooses a release, plans, asks, applies, and checks the service. Returns the exit code. */
export async function deploy(options: DeployOptions): Promise<number> {
  const { token, duringFreeze } = options
  const terraform = new Terraform(join(root, 'terraform'))
  await terraform.init()
  const { group, alarms, region } = await terraform.outputs()
  const aws = connect(chosenRegion(options.region) ?? region)
  const chosen = readReleaseFile(RELEASE_FILE)
  const next = await choose(aws, chosen, { ...options, group })
  const provenance = await provenanceOf(aws, next, options.unattested)
  const { pace, previous } = options
  const plan = await describePlan(aws, {
    group,
    alarms,
    chosenRelease: chosen.release,
    next,
    provenance,
    asksForProof: !(options.incompatible || options.unattested || previous),
    pace,
  })
  console.log(plan.lines.join('\n'))
  const note = (line: string) => console.error(`deploy: ${line}`)
  const freeze = group && (await findFreeze(aws, group, Date.now(), note))
  if (freeze) console.log(`frozen      ${freeze}`)
  if (options.plan) return EXIT.ok
  if (plan.wasRolledBack && !options.retry) {
    throw new Stop(
      `${plan.wasRolledBack} was rolled back on this group; --retry tries it again. Nothing was changed.`,
    )
  }
  if (freeze && !duringFreeze) {
    throw new Stop(
      `deploys are frozen: ${freeze}. --during-freeze ships anyway. Nothing was changed.`,
    )
  }

  if (plan.unproven !== undefined) {
    throw new Stop(
      `nothing proves that ${shortRelease(next.release)} can share the store with ${shortRelease(plan.unproven)}, which runs: bake it again where scripts/compat finds that release, or pass --incompatible. Nothing was changed.`,
    )
  }

  const before = group && (await newestRefresh(aws, group))?.InstanceRefreshId
  const bump = bumped(chosen, { release: next.release, ami_id: next.ami_id }, new Date())
  const former = await Bun.file(RELEASE_FILE).text()
  if (bump !== chosen) await writeReleaseFile(RELEASE_FILE, bump)
  let named = false
  try {
    const { exitCode, receipt } = await apply(terraform, {
      ...options,
      all: options.all || group === undefined,
      environment: {
        ...(token ? { [variable('TOKEN')]: token } : {}),
        ...(duringFreeze ? { [variable('ROLLOUT_DURING_FREEZE')]: '1' } : {}),
        // Terraform runs it in another folder.
        ...(pace.hooks ? { [variable('ROLLOUT_HOOKS')]: pace.hooks.folder } : {}),
      },
    })
    named = exitCode === 0 || (await terraform.stateNames(next.ami_id))
    if (exitCode !== 0) await explainFailure({ aws, terraform, group, before, receipt })
    if (receipt && receipt.verdict !== 'shipped') return notShipped(receipt)
  } finally {
    // The release file says what the state says.
    if (!named) await Bun.write(RELEASE_FILE, former)
  }
  return await finish(terraform, next.release, token)
}

interface Failed extends Pick<Applied, 'receipt'> {
  aws: Aws
  terraform: Terraform
  group: string | undefined
  /** The newest refresh before. */
  before: string | undefined
}

/** Throws what is known of an apply that failed, unless the rollout had a verdict that says more. */
async function explainFailure(failed: Failed): Promise<void> {
  const { aws, terraform, group, before, receipt } = failed
  if (terraform.interrupted) {
    throw new Stop(
      "interrupted. A refresh that has started goes on: see 'scripts/rollout status', follow it with 'scripts/rollout watch', undo it with 'scripts/rollout rollback'.",
      EXIT.interrupted,
    )
  }
  if (receipt?.verdict === 'shipped') {
    throw new Stop('the fleet runs the release, but terraform apply failed (above)', EXIT.failed)
  }
  if (receipt) return
  if (group === undefined) throw new Stop('terraform apply failed (above)')
  const ways = "follow it with 'scripts/rollout watch', undo it with 'scripts/rollout rollback'"
  const refresh = await newestRefresh(aws, group).catch((error) => {
    throw new Stop(
      `terraform apply failed before the rollout had a verdict, and AWS does not say whether it goes on (${explain(error)}): if so, ${ways}`,
      EXIT.lostSight,
    )
  })
  if (!refresh || refresh.InstanceRefreshId === before) {
    throw new Stop('terraform apply failed (above); no rollout was started')
  }
  if (isRunning(refresh.Status)) {
    throw new Stop(
      `terraform apply failed before the rollout had a verdict, and the rollout goes on (${refresh.Status}, ${refresh.PercentageComplete ?? 0} %): ${ways}`,
      EXIT.lostSight,
    )
  }
  throw new Stop(
    `terraform apply failed before the rollout had a verdict; its refresh ended: ${refresh.Status}. See 'scripts/rollout status'`,
    EXIT.failed,
  )
}

async function smoke(url: string, release: string, token: string | undefined): Promise<number> {
  const child = Bun.spawn([join(root, 'scripts/smoke'), url, '--expect-release', release], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...(token ? { [variable('TOKEN')]: token } : {}) },
  })
  if ((await child.exited) === 0) return EXIT.ok
  console.error('deploy: scripts/smoke failed (above). To roll back: scripts/rollout rollback')
  return EXIT.failed
}

function notShipped(receipt: Receipt): number {
  const hint =
    receipt.verdict === 'skipped'
      ? 'it was rolled back before; --retry tries it again'
      : "terraform still names this release: 'scripts/bump --previous' chooses the previous one"
  console.error(`deploy: not shipped (${receipt.verdict}): ${hint}`)
  return receipt.verdict === 'skipped' ? EXIT.rolledBack : receipt.exitCode
}

async function finish(
  terraform: Terraform,
  release: string,
  token: string | undefined,
): Promise<number> {
  const { url } = await terraform.outputs()
  if (!url) {
    throw new Stop('terraform output has no url: scripts/smoke could not be run', EXIT.failed)
  }
  const code = await smoke(url, release, token)
  if (code === EXIT.ok) {
    console.log(`shipped ${shortRelease(release)}; commit terraform/release.auto.tfvars.json`)
  }
  return code
}
