import { join } from 'node:path'
import { connect } from '../aws/clients.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import type { Arch } from '../fleet/images.ts'
import { provenanceOf } from '../provenance/attested.ts'
import type { Receipt } from '../receipt/receipt.ts'
import { root, service } from '../service.ts'
import { apply } from './apply.ts'
import { choose } from './choose.ts'
import { bumped, RELEASE_FILE, readReleaseFile, writeReleaseFile } from './file.ts'
import { describePlan, type Pace } from './plan.ts'
import { Terraform } from './terraform.ts'

export interface DeployOptions {
  /** Undefined is HEAD, or with `previous` the previous release. */
  release: string | undefined
  previous: boolean
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
  arch: Arch | undefined
  region: string | undefined
  token: string | undefined
  terraformOptions: string[]
  pace: Pace
}

/** Chooses a release, plans, asks, applies, and checks the service. Returns the exit code. */
export async function deploy(options: DeployOptions): Promise<number> {
  const { release, previous, arch, token, pace } = options
  const terraform = new Terraform(join(root, 'terraform'))
  await terraform.init()
  const { group, alarms, region } = await terraform.outputs()
  const aws = connect(options.region ?? region)
  const chosen = readReleaseFile(RELEASE_FILE)
  const next = await choose(aws, chosen, { release, previous, group, arch })
  const provenance = await provenanceOf(aws, next, options.unattested)
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
  if (options.plan) return EXIT.ok
  if (plan.wasRolledBack && !options.retry) {
    throw new Stop(
      `release ${shortRelease(next.release)} was rolled back on this group; --retry tries it again. Nothing was changed.`,
    )
  }

  if (plan.unproven !== undefined) {
    throw new Stop(
      `nothing proves that ${shortRelease(next.release)} can share the store with ${shortRelease(plan.unproven)}, which runs: bake it again where scripts/compat finds that release, or pass --incompatible. Nothing was changed.`,
    )
  }

  const bump = bumped(chosen, { release: next.release, ami_id: next.ami_id }, new Date())
  const former = await Bun.file(RELEASE_FILE).text()
  if (bump !== chosen) await writeReleaseFile(RELEASE_FILE, bump)
  const outcome = await apply(terraform, {
    ...options,
    all: options.all || group === undefined,
    undo: async () => void (await Bun.write(RELEASE_FILE, former)),
  })
  if (outcome === 'declined') throw new Stop('nothing was changed')
  if (outcome && outcome.verdict !== 'shipped') return sayNotShipped(outcome)
  return await finish(terraform, next.release, token)
}

async function smoke(url: string, release: string, token: string | undefined): Promise<number> {
  const child = Bun.spawn([join(root, 'scripts/smoke'), url, '--expect-release', release], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...(token ? { [`${service.environmentPrefix}_TOKEN`]: token } : {}) },
  })
  if ((await child.exited) === 0) return EXIT.ok
  console.error('deploy: scripts/smoke failed (above). To roll back: scripts/rollout rollback')
  return EXIT.failed
}

function sayNotShipped(receipt: Receipt): number {
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
  const after = await terraform.outputs()
  if (!after.url)
    throw new Stop('terraform output has no url: scripts/smoke could not be run', EXIT.failed)
  const code = await smoke(after.url, release, token)
  if (code === EXIT.ok) {
    console.log(`shipped ${shortRelease(release)}; commit terraform/release.auto.tfvars.json`)
  }
  return code
}
