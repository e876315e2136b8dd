import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { $ } from 'bun'
import { freezeOf } from '../../../scripts/lib/fleet/freeze.ts'
import { packagesAt } from '../../../scripts/lib/provenance/kept.ts'
import { accountOf } from '../../lab/aws-double/account.ts'
import { denied } from '../../lab/aws-double/faults.ts'
import type { Image } from '../../lab/aws-double/model.ts'
import { attest, BUILDER, stated, trust } from '../../lab/support/attestation.ts'
import { ended, type Ran, run as runCommand } from '../../lab/support/command.ts'
import { layOutProject } from '../../lab/support/deployable.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import {
  ALARM,
  GROUP,
  NEW_IMAGE,
  OLD_IMAGE,
  QUICK,
  type Scene,
  startScene,
  TEMPLATE,
  until,
} from './fixtures/scene.ts'
import { environment, PATIENCE_MS } from './fixtures/script.ts'
import { type Service, startService } from './fixtures/service.ts'

setDefaultTimeout(PATIENCE_MS)

/** Something of the configuration that is not of a release. */
const STORE = `
variable "size" { default = 1 }
resource "terraform_data" "store" { input = var.size }
`

let service: Service
let project: string
let scene: Scene
let commits: [string, string]
const file = (): string => join(project, 'terraform/release.auto.tfvars.json')
const chosen = async (): Promise<string> => (await Bun.file(file()).json()).release

/** A repository of two commits. */
async function makeProject(): Promise<void> {
  project = await mkdtemp(join(tmpdir(), 'deploy-test-'))
  const git = (...args: string[]) =>
    $`git -C ${project} -c user.name=test -c user.email=test@example.org ${args}`.quiet()
  await git('init', '-q')
  await git('commit', '-q', '--allow-empty', '-m', 'First words')
  const old = (await git('rev-parse', 'HEAD')).text().trim()
  await git('commit', '-q', '--allow-empty', '-m', 'Greet more warmly')
  commits = [old, (await git('rev-parse', 'HEAD')).text().trim()]
}

const deploy = (args: string[], extra: Record<string, string> = {}) =>
  Bun.spawn([join(project, 'scripts/deploy'), ...args], {
    env: environment({
      ...scene.as(args.includes('--plan') ? 'plan' : 'deploy'),
      ...QUICK,
      HELLO_ROLLOUT_EVIDENCE: join(project, 'evidence'),
      ...extra,
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, as a terminal gives it one.
    detached: true,
  })

const run = async (args: string[], extra: Record<string, string> = {}): Promise<Ran> =>
  await ended(deploy(args, extra))

/** An apply for an unrelated change. */
const terraformApply = async () =>
  await $`terraform init -input=false && terraform apply -input=false -auto-approve`
    .cwd(join(project, 'terraform'))
    .env(environment({ ...scene.env, ...QUICK }))
    .quiet()
    .nothrow()

beforeAll(async () => {
  service = await startService({})
})
afterAll(async () => await service.stop())
beforeEach(async () => {
  await makeProject()
  scene = await startScene({ instances: 2, releases: commits })
  scene.fleet.upstream = service.url
  // The version of the new release is for the apply to make.
  scene.plane.template.versions.pop()
  const { url } = scene.fleet
  const cloud = { group: GROUP, templateId: TEMPLATE, url, alarms: [ALARM] }
  await layOutProject(project, cloud, { release: commits[0], ami_id: OLD_IMAGE })
  await trust(project)
  for (const ami of scene.plane.images.keys()) attest(scene.plane, ami)
  await Bun.write(join(project, 'terraform/store.tf'), STORE)
  const applied = await terraformApply()
  if (applied.exitCode !== 0) throw new Error(applied.stdout.toString() + applied.stderr.toString())
})
afterEach(async () => {
  await scene.stop()
  await rm(project, { recursive: true, force: true })
})

describe('deploy --plan', () => {
  test('describes what would happen, and changes nothing', async () => {
    const { code, out } = await run(['--plan', 'HEAD'])
    expect(code).toBe(0)
    const [old, next] = commits.map((commit) => commit.slice(0, 12))
    expect(out).toContain(`release     ${old} -> ${next}`)
    expect(out).toMatch(/commits +1 between:\n +[0-9a-f]+ Greet more warmly/)
    expect(out).toContain(`image       ${NEW_IMAGE}, arm64, baked 10 min ago`)
    expect(out).toContain(`provenance  signed by ${BUILDER} (key `)
    expect(out).toContain(`compat      proven with ${old} on one store, both ways`)
    expect(out).toContain(`in service  2 ${old}; 2 of 2 healthy`)
    expect(out).toContain('instances   2 in 2 batches, new before old, stops at 50 % and 100 %')
    expect(out).toMatch(/expected +about \d+:\d\d minutes/)
    expect(out).toContain('alarms      1, all OK')
    expect(out).toContain('refresh     none is running')
    expect(out).toContain(
      `way back    version 1, release ${old}: its AMI ${OLD_IMAGE} can be launched`,
    )
    expect(await chosen()).toBe(commits[0])
  })

  test('an image that was proven with another release is refused, unless asked for by name', async () => {
    const parameters = { compatibleWith: 'c'.repeat(40) }
    attest(scene.plane, NEW_IMAGE, stated(scene.plane, NEW_IMAGE, { parameters }))
    const { code, out, err } = await run(['HEAD', '--yes'])
    const [old, next] = commits.map((commit) => commit.slice(0, 12))
    expect(code).toBe(1)
    expect(out).toContain(`compat      not proven with ${old}, which runs (scripts/compat)`)
    expect(err).toContain(
      `nothing proves that ${next} can share the store with ${old}, which runs: bake it again`,
    )
    expect(await chosen()).toBe(commits[0])
    expect((await run(['HEAD', '--yes', '--incompatible'])).code).toBe(0)
  })

  test('takes the settings of the rollout from the environment into account', async () => {
    const { out } = await run(['--plan', 'HEAD'], {
      HELLO_ROLLOUT_CHECKPOINTS: 'none',
      HELLO_ROLLOUT_WATCH_SECONDS: '900',
    })
    expect(out).toContain('instances   2 in 1 batch, new before old, without a stop')
    expect(out).toContain('including 15:00 watching the alarms')
  })

  test('says what users would show of a bad release, and which pauses they allow', async () => {
    const unset = {
      HELLO_ROLLOUT_CHECKPOINT_DELAY_SECONDS: '',
      HELLO_ROLLOUT_WATCH_SECONDS: '',
    }
    scene.plane.group.warmupSeconds = 60
    const quiet = await run(['--plan', 'HEAD'], unset)
    expect(quiet.out).toContain(
      'pace        users send 0 requests a second, too few to tell a bad release in a minute: a checkpoint lasts 2:00, until the slowest alarm can ring',
    )
    expect(quiet.out).toContain('a release that fails 10 %: left to the alarms;')
    // 100 a second to each of two.
    accountOf(scene.plane).requestsPerTarget = 360_000
    const busy = await run(['--plan', 'HEAD'], unset)
    expect(busy.out).toContain(
      'pace        users send 200 requests a second: a checkpoint lasts 1:00, and then the alarms watch for 1:00',
    )
    expect(busy.out).toMatch(
      /forecast {4}a release that fails 10 %: seen after 1:\d0, about \d+ requests harmed; 1 %: seen after [12]:\d0, about \d+ requests harmed; 0\.1 %: left to the alarms/,
    )
    scene.double.faults.add(/^GetMetricStatistics$/, denied('cloudwatch:GetMetricStatistics'))
    const denying = await run(['--plan', 'HEAD'], unset)
    expect(denying.code).toBe(0)
    expect(denying.out).toContain(
      'pace        nobody knows what users send: a checkpoint lasts 2:00',
    )
  })

  test('warns about what would stop the rollout', async () => {
    scene.plane.setAlarm(ALARM, 'ALARM')
    scene.plane.images.delete(OLD_IMAGE)
    scene.plane.group.tags['rolled-back-release'] = commits[1]
    const { out } = await run(['--plan', 'HEAD'])
    expect(out).toContain(`alarms      ${ALARM} is in ALARM`)
    expect(out).toContain('was rolled back on this group: it is refused')
    expect(out).toContain('way back    none')
  })
})

describe('deploy --patch', () => {
  const PATCHED = 'ami-0cccccccccccccccc'
  const chosenAmi = async () => (await Bun.file(file()).json()).ami_id
  const list = (version: string) => gzipSync(`openssl ${version} aarch64\n`).toString('base64')

  test('ships the newest image of the release that runs, says what differs, and leads back to the one before', async () => {
    const none = await run(['--patch', '--yes'])
    expect(none.err).toContain(`${OLD_IMAGE} is the newest image of release`)
    expect(none.code).toBe(0)

    const { images } = scene.plane
    const image = images.get(OLD_IMAGE) as Image
    images.set(PATCHED, { ...image, id: PATCHED, name: 'patched', createdAt: Date.now() })
    attest(scene.plane, PATCHED)
    const { values } = accountOf(scene.plane)
    values.set(packagesAt(OLD_IMAGE), list('3.0.8-1')).set(packagesAt(PATCHED), list('3.0.8-2'))
    const { out } = await run(['--patch', '--plan'])
    expect(out).toContain(`image       ${PATCHED}, arm64, baked`)
    expect(out).toMatch(/base +ami-\w+, \d+ h old/)
    expect(out).toContain(
      '1 differ from the running image:\n            openssl 3.0.8-1 -> 3.0.8-2',
    )
    expect(out).toContain('compat      the same release')

    const shipped = await run(['--patch', '--yes'])
    expect(shipped.out).toMatch(new RegExp(`images +2 ${PATCHED}; baked on ami-\\w+\n`))
    expect(shipped.code).toBe(0)
    expect(await chosenAmi()).toBe(PATCHED)

    expect((await run(['--previous', '--yes'])).code).toBe(0)
    expect(await chosenAmi()).toBe(OLD_IMAGE)
    const serving = scene.plane.instances.filter(({ lifecycle }) => lifecycle === 'InService')
    expect(serving.map(({ imageId }) => imageId)).toEqual([OLD_IMAGE, OLD_IMAGE])
  })

  test('that is rolled back condemns the image, and not the release', async () => {
    const { images } = scene.plane
    const image = images.get(OLD_IMAGE) as Image
    images.set(PATCHED, { ...image, id: PATCHED, name: 'patched', createdAt: Date.now() })
    attest(scene.plane, PATCHED)
    scene.behave(PATCHED, { launchFails: 'no such kernel' })
    const options = { HELLO_ROLLOUT_STALL_SECONDS: '2' }
    expect((await run(['--patch', '--yes'], options)).code).toBe(3)
    expect(scene.plane.group.tags['rolled-back-release']).toBe(PATCHED)
    const again = await run(['--patch', '--yes'])
    expect(again.code).toBe(1)
    expect(again.err).toContain(`image ${PATCHED} was rolled back on this group; --retry`)
  })
})

describe('deploy', () => {
  test('exits with 0 when the fleet runs the release and the service keeps its contract', async () => {
    const { code, out, err } = await run(['HEAD', '--yes'])
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toContain('verdict     shipped')
    expect(out).toMatch(/smoke: \d+ checks passed/)
    expect(out).toContain(`shipped ${commits[1].slice(0, 12)}`)
    expect(await chosen()).toBe(commits[1])
    const tags = scene.plane.instances.map(
      ({ lifecycle, tags }) => lifecycle === 'InService' && tags.release,
    )
    expect(tags.filter(Boolean)).toEqual([commits[1], commits[1]])
    expect(scene.plane.template.versions.map(({ imageId }) => imageId)).toEqual([
      OLD_IMAGE,
      NEW_IMAGE,
    ])
  })

  test('exits with 3 when the release was rolled back, and no apply without --retry tries it again', async () => {
    const child = deploy(['HEAD', '--yes'], { HELLO_ROLLOUT_WATCH_SECONDS: '2000' })
    await until(() => scene.plane.refreshes[0]?.status === 'Baking', 'the refresh bakes', 30)
    scene.plane.setAlarm(ALARM, 'ALARM')
    const first = await ended(child)
    expect(first.err).toContain('not shipped (rolled back): terraform still names this release')
    expect(first.code).toBe(3)
    scene.plane.setAlarm(ALARM, 'OK')
    const unrelated = await terraformApply()
    expect(unrelated.stdout.toString()).toContain('verdict     skipped')
    expect(unrelated.exitCode).toBe(0)
    expect(scene.plane.refreshes).toHaveLength(1)
    const second = await run(['HEAD', '--yes'])
    expect(second.out + second.err).toContain(
      'was rolled back on this group; --retry tries it again',
    )
    expect(second.code).toBe(1)
    expect((await run(['HEAD', '--yes', '--retry'])).code).toBe(0)
  })

  test('writes the receipt of the rollout where the caller asked for it', async () => {
    const path = join(project, 'receipt.json')
    await Bun.write(path, 'of an earlier one')
    expect((await run(['HEAD', '--yes'], { HELLO_ROLLOUT_RECEIPT: path })).code).toBe(0)
    expect(await Bun.file(path).json()).toMatchObject({ verdict: 'shipped', release: commits[1] })
  })

  test('waits at Ctrl-C until Terraform has stopped, and says that the refresh goes on', async () => {
    const child = deploy(['HEAD', '--yes'], { HELLO_ROLLOUT_WATCH_SECONDS: '2000' })
    await until(() => scene.plane.refreshes[0]?.status === 'Baking', 'the refresh bakes', 30)
    process.kill(-child.pid, 'SIGINT')
    const { code, err } = await ended(child)
    expect(err).toContain('interrupted. A refresh that has started goes on')
    expect(code).toBe(130)
    expect(scene.plane.refreshes[0]?.status).toBe('Baking')
    expect(await chosen()).toBe(commits[1])
    const state = await Bun.file(join(project, 'terraform/terraform.tfstate')).json()
    expect(JSON.stringify(state)).toContain('terraform_data')
    expect(existsSync(join(project, 'terraform/.terraform.tfstate.lock.info'))).toBe(false)
  })

  test('exits with 6 when whoever follows the rollout is killed, and says how to follow it', async () => {
    const child = deploy(['HEAD', '--yes'], { HELLO_ROLLOUT_WATCH_SECONDS: '2000' })
    await until(() => scene.plane.refreshes[0]?.status === 'Baking', 'the refresh bakes', 30)
    const follower = join(project, 'scripts/lib/commands/rollout.ts')
    process.kill(Number(await $`pgrep --full ${follower}`.text()), 'SIGKILL')
    const { code, err } = await ended(child)
    expect(err).toContain(
      "terraform apply failed before the rollout had a verdict, and the rollout goes on (Baking, 100 %): follow it with 'scripts/rollout watch', undo it with 'scripts/rollout rollback'",
    )
    expect(code).toBe(6)
    expect(await chosen()).toBe(commits[1])
  })

  test('exits with 4 when the fleet runs the release, but terraform failed', async () => {
    await Bun.write(
      join(project, 'terraform/after.tf'),
      `resource "terraform_data" "after" {
  depends_on = [terraform_data.rollout]
  provisioner "local-exec" { command = "exit 1" }
}
`,
    )
    const { code, err } = await run(['HEAD', '--yes', '--all'])
    expect(err).toContain('the fleet runs the release, but terraform apply failed (above)')
    expect(code).toBe(4)
    expect(await chosen()).toBe(commits[1])
  })

  test('restores the release file when the plan became stale: the state does not name the release', async () => {
    const bin = join(project, 'bin')
    await mkdir(bin)
    const terraform = Bun.which('terraform') as string
    // Somebody else applies between plan and apply.
    stubCommand(
      bin,
      'terraform',
      `#!/bin/sh
if [ "$2" = apply ]; then
  '${terraform}' "$1" apply -input=false -auto-approve -var=size=3 -target=terraform_data.store >/dev/null
fi
exec '${terraform}' "$@"
`,
    )
    const { code, err } = await run(['HEAD', '--yes'], { PATH: `${bin}:${environment().PATH}` })
    expect(err).toContain('Saved plan is stale')
    expect(err).toContain('terraform apply failed (above); no rollout was started')
    expect(err).not.toContain('\x1b')
    expect(code).toBe(1)
    expect(await chosen()).toBe(commits[0])
  })

  test('ships the image that was planned, whatever has been baked since', async () => {
    const planned = scene.plane.images.get(NEW_IMAGE)
    if (!planned) throw new Error('there is no image')
    const newer = { ...planned, id: 'ami-0eeeeeeeeeeeeeeee', createdAt: Date.now() }
    scene.plane.images.set(newer.id, { ...newer, tags: { ...planned.tags } })
    attest(scene.plane, newer.id)
    expect((await run(['HEAD', '--plan'])).out).toContain(`image       ${newer.id}`)
    const exact = await run(['HEAD', '--plan', '--ami', NEW_IMAGE])
    expect(exact.out).toContain(`image       ${NEW_IMAGE}`)
    const wrong = await run(['HEAD', '--plan', '--ami', OLD_IMAGE])
    expect(wrong.err).toContain(`${OLD_IMAGE} is no available AMI of release `)
    expect(wrong.code).toBe(1)
  })

  test('exits with 4 when the service breaks its contract', async () => {
    scene.fleet.upstream = undefined
    const { code, err } = await run(['HEAD', '--yes'])
    expect(code).toBe(4)
    expect(err).toContain('deploy: scripts/smoke failed')
  })

  test('exits with 5 when the rollout took too long', async () => {
    scene.behave(NEW_IMAGE, { healthStatus: 503 })
    const quick = { CHECKPOINTS: 'none', WATCH_SECONDS: '0', TIMEOUT_SECONDS: '2' }
    const late = Object.entries(quick).map(([name, value]) => [`HELLO_ROLLOUT_${name}`, value])
    expect((await run(['HEAD', '--yes'], Object.fromEntries(late))).code).toBe(5)
  })

  test('refuses an image that no trusted builder vouches for, unless --unattested is given', async () => {
    accountOf(scene.plane).values.clear()
    const former = await Bun.file(file()).text()
    const past = { release: commits[1], ami_id: NEW_IMAGE, bumped_at: '2026-01-02' }
    await Bun.write(
      file(),
      JSON.stringify({ release: commits[0], ami_id: OLD_IMAGE, history: [past] }),
    )
    for (const args of [
      ['HEAD', '--yes'],
      ['HEAD', '--plan'],
      ['--previous', '--plan'],
    ]) {
      const { code, out, err } = await run(args)
      expect(err).toContain(
        `deploy: where ${NEW_IMAGE} of release ${commits[1].slice(0, 12)} comes`,
      )
      expect(out).not.toContain('release     ')
      expect(code).toBe(1)
    }
    expect(await chosen()).toBe(commits[0])
    expect(scene.double.calls).not.toContain('StartInstanceRefresh')
    await Bun.write(file(), former)
    const { code, out } = await run(['HEAD', '--yes', '--unattested'])
    expect(out).toContain('provenance  not checked (--unattested)')
    expect(code).toBe(0)
  })

  test.each([
    [
      '{"reason": "Christmas", "until": "2999-12-27T08:00:00Z"}',
      'Christmas, until 2999-12-27T08:00:00Z',
    ],
    ['soon', 'is not {"reason": TEXT, "until": "2026-12-27T08:00:00Z"}'],
  ])(
    'is refused while %s is the freeze of its environment, which --plan says',
    async (value, why) => {
      accountOf(scene.plane).values.set(freezeOf(GROUP), value)
      expect((await run(['HEAD', '--plan'])).out).toMatch(`frozen      `)
      const { code, err } = await run(['HEAD', '--yes'])
      expect(err).toContain('deploy: deploys are frozen: ')
      expect(err).toContain(`${why}. --during-freeze ships anyway. Nothing was changed.`)
      expect(code).toBe(1)
      expect(await chosen()).toBe(commits[0])
      expect(scene.double.calls).not.toContain('StartInstanceRefresh')
    },
  )

  test('ships during a freeze with --during-freeze, and the receipt says so', async () => {
    const freeze = '{"reason": "Christmas, really", "until": "2999-12-27T08:00:00Z"}'
    accountOf(scene.plane).values.set(freezeOf(GROUP), freeze)
    const { code, out } = await run(['HEAD', '--yes', '--during-freeze'])
    expect(out).toContain(
      'note        shipped although frozen: Christmas, really, until 2999-12-27T08:00:00Z',
    )
    expect(code).toBe(0)
  })

  test('goes on after a freeze, and where AWS does not say whether there is one', async () => {
    const place = freezeOf(GROUP)
    accountOf(scene.plane).values.set(place, '{"reason": "x", "until": "2020-01-01T00:00:00Z"}')
    expect((await run(['HEAD', '--plan'])).out).not.toContain('frozen')
    scene.double.faults.add(/^GetParameter$/, denied('ssm:GetParameter'))
    const { code, err } = await run(['HEAD', '--plan', '--unattested'])
    expect(err).toContain('deploy: whether deploys are frozen is not known: AWS denied access')
    expect(code).toBe(0)
  })

  test('refuses without a terminal to ask on, and restores the release file', async () => {
    const { code, err } = await run(['HEAD'])
    expect(code).toBe(1)
    expect(err).toContain('pass --yes. Nothing was changed.')
    expect(await chosen()).toBe(commits[0])
    expect(scene.plane.refreshes).toHaveLength(0)
  })

  test('refuses a plan that changes more than the release, unless --all is given', async () => {
    const refused = await run(['HEAD', '--yes', '--', '-var=size=2'])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('the plan changes more than the release:\n')
    expect(refused.err).toContain('- terraform_data.store: update\n')
    expect(refused.err).not.toContain('terraform_data.rollout')
    expect(refused.err).toContain('--all')
    expect(await chosen()).toBe(commits[0])
    expect(scene.plane.refreshes).toHaveLength(0)
    expect((await run(['HEAD', '--yes', '--all', '--', '-var=size=2'])).code).toBe(0)
  })

  test('--previous skips a release that was rolled back', async () => {
    await Bun.write(
      file(),
      JSON.stringify({
        release: 'c'.repeat(40),
        ami_id: 'ami-0cccccccccccccccc',
        history: [
          { release: commits[1], ami_id: NEW_IMAGE, bumped_at: '2026-01-02' },
          { release: commits[0], ami_id: OLD_IMAGE, bumped_at: '2026-01-01' },
        ],
      }),
    )
    scene.plane.group.tags['rolled-back-release'] = commits[1]
    const { code, out } = await run(['--previous', '--plan'])
    expect(code).toBe(0)
    expect(out).toContain(`image       ${OLD_IMAGE}`)
  })

  test('is undone by a rollback that finds the URL of an HTTPS service in terraform output', async () => {
    expect((await run(['HEAD', '--yes'])).code).toBe(0)
    scene.plane.group.https = true
    const back = await runCommand([join(project, 'scripts/rollout'), 'rollback'], {
      env: environment({ ...scene.as('rollback'), ...QUICK }),
    })
    expect(back.out).toContain('observed    2 of 2 instances')
    expect(back.code).toBe(0)
  })

  test('refuses a release that is not baked', async () => {
    const { code, err } = await run(['d'.repeat(40)])
    expect(code).toBe(1)
    expect(err).toContain('there is no AMI of release dddddddddddd')
  })

  test('exits with 1 when terraform plan fails, and restores the release file', async () => {
    const { code, err } = await run(['HEAD', '--yes', '--', '-var=nonsense=1'])
    expect(code).toBe(1)
    expect(err).toContain('terraform plan failed; nothing was changed')
    expect(await chosen()).toBe(commits[0])
  })

  test.each([
    [['a', 'b'], "'b' is one argument too many"],
    [['a', '--previous'], 'give either RELEASE or --previous'],
    [['--force'], "Unknown option '--force'"],
  ])('%j exits with 2 and one line that says why', async (args, message) => {
    const { code, err } = await run(args)
    expect(code).toBe(2)
    expect(err).toContain(message)
    expect(err).toEndWith(' (scripts/deploy --help)\n')
  })
})
