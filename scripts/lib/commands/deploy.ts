import { join } from 'node:path'
import { connect } from '../aws/clients.ts'
import { EXIT, parse, runVerb, Stop, shortRelease, usageError } from '../cli.ts'
import { apply } from '../deploy/apply.ts'
import { choose } from '../deploy/choose.ts'
import { describePlan } from '../deploy/plan.ts'
import { root } from '../paths.ts'
import { bumped, readReleaseFile, writeReleaseFile } from '../release-file.ts'
import type { Receipt } from '../rollout/receipt.ts'
import { Terraform } from '../terraform.ts'

const USAGE = `
usage: scripts/deploy [RELEASE] [options] [-- TERRAFORM-OPTION…]

Ships a baked release: chooses it (scripts/bump), shows the plan, applies it, which rolls the fleet over, and checks
the service (scripts/smoke).

  RELEASE        a commit, tag or branch that was baked; without it the last bake in packer/manifest.json, else HEAD
  --previous     the newest earlier release that was not rolled back and whose AMI still exists
  --plan         say in words what would happen, and stop; nothing is written
  --yes          do not ask
  --all          apply a plan that changes more than the launch template and the rollout, too (not needed the first time)
  --retry        try a release again that was rolled back before
  --arch NAME    arm64 or x86_64, when the release is baked for both
  --region NAME  AWS region (what stands, AWS_REGION, or the profile's)
  --token TOKEN  with scope write, for the probe and scripts/smoke (HELLO_TOKEN)

Options of scripts/rollout are taken from the environment, such as HELLO_ROLLOUT_BAKE_SECONDS.

exit codes: 0 shipped; 1 refused, or terraform failed; 2 usage; 3 rolled back; 4 failed or cancelled, also by
            scripts/smoke; 5 timed out
`

const file = join(root, 'terraform/release.auto.tfvars.json')

async function smoke(url: string, release: string, token: string | undefined): Promise<number> {
  const child = Bun.spawn([join(root, 'scripts/smoke'), url, '--expect-release', release], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...(token ? { HELLO_TOKEN: token } : {}) },
  })
  if ((await child.exited) === 0) return EXIT.ok
  console.error(
    'deploy: scripts/smoke found something wrong (above). To go back: scripts/rollout rollback',
  )
  return EXIT.failed
}

function say(receipt: Receipt): number {
  const hint =
    receipt.verdict === 'skipped'
      ? 'it was rolled back before; --retry tries it again'
      : "terraform still names this release: 'scripts/bump --previous' chooses the one before"
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
    throw new Stop('terraform tells no url: scripts/smoke could not be run', EXIT.failed)
  const code = await smoke(after.url, release, token)
  if (code === EXIT.ok) {
    console.log(`shipped ${shortRelease(release)}; commit terraform/release.auto.tfvars.json`)
  }
  return code
}

await runVerb('deploy', USAGE, async (argv) => {
  const cut = argv.indexOf('--')
  const own = cut < 0 ? argv : argv.slice(0, cut)
  const { values, positionals } = parse(own, {
    previous: { type: 'boolean', default: false },
    plan: { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    retry: { type: 'boolean', default: false },
    arch: { type: 'string' },
    region: { type: 'string' },
    token: { type: 'string' },
  })
  const [release, ...rest] = positionals
  if (rest.length > 0) throw usageError(`'${rest[0]}' is one argument too many`)
  if (release !== undefined && values.previous) throw usageError('give RELEASE or --previous')

  const terraform = new Terraform(join(root, 'terraform'))
  await terraform.init()
  const before = await terraform.outputs()
  const aws = connect(values.region ?? before.region)
  const chosen = await readReleaseFile(file)
  const next = await choose(aws, root, join(root, 'packer/manifest.json'), chosen, {
    release,
    previous: values.previous,
    group: before.group,
    architecture: values.arch,
  })
  const { group, alarms } = before
  const plan = await describePlan(aws, { root, group, alarms, chosenRelease: chosen.release, next })
  console.log(plan.lines.join('\n'))
  if (values.plan) return EXIT.ok
  if (plan.wasRolledBack && !values.retry) {
    throw new Stop(
      `release ${shortRelease(next.release)} was rolled back on this group; --retry tries it again. Nothing was changed.`,
    )
  }

  const bump = bumped(chosen, { release: next.release, ami_id: next.ami_id }, new Date())
  const former = await Bun.file(file).text()
  if (bump !== chosen) await writeReleaseFile(file, bump)
  const token = values.token ?? process.env.HELLO_TOKEN
  const outcome = await apply(terraform, {
    yes: values.yes,
    retry: values.retry,
    all: values.all || group === undefined,
    token,
    terraformOptions: cut < 0 ? [] : argv.slice(cut + 1),
    undo: async () => void (await Bun.write(file, former)),
  })
  if (outcome === 'declined') throw new Stop('nothing was changed')
  if (outcome && outcome.verdict !== 'shipped') return say(outcome)
  return await finish(terraform, next.release, token)
})
