import { join } from 'node:path'
import { $ } from 'bun'
import { readReleaseFile } from '../../../../scripts/lib/release/file.ts'
import { layOutProject } from '../../support/deployable.ts'
import { ALARM_NAMES } from '../fleet/alarm-watch.ts'
import type { ReleaseName } from '../fleet/releases.ts'
import { GROUP, TEMPLATE, URL } from '../names.ts'
import type { Rehearsal } from '../rehearsal.ts'
import { expectChain, vouch } from './provenance.ts'
import type { Scenario } from './scenario.ts'

export const deploy: Scenario = {
  shows:
    'from A to B by scripts/deploy: bump, terraform plan and apply, rollout, smoke test. Then an instance is restarted in place: no request fails',
  releases: ['a', 'b'],
  async play(rehearsal) {
    if (await shipByDeploy(rehearsal)) await restartInPlace(rehearsal)
  },
}

/** Restarts an instance without deregistration: only the service's own drain keeps requests from failing. */
export async function restartInPlace(rehearsal: Rehearsal): Promise<void> {
  const [{ id } = { id: '' }] = rehearsal.serving()
  rehearsal.mark(`restart of ${id} in place`)
  const words = ['restart', id, '--group', rehearsal.plane.group.name, '--reason', 'rehearsal']
  const code = await rehearsal.script('ops', words, 'restart.log')
  rehearsal.mark('restarted')
  rehearsal.expect('scripts/ops restarts an instance in place', code === 0, `exit code ${code}`)
}

/** Ships B, and with more rounds A and B again, by scripts/deploy. Returns whether every release was shipped. */
async function shipByDeploy(rehearsal: Rehearsal): Promise<boolean> {
  const { plane, assignment } = rehearsal
  const clone = await cloneRunning(rehearsal, 'a')
  // A version is for the apply to make.
  plane.template.versions.splice(1)
  const code = await rehearsal.script(
    'deploy',
    [rehearsal.release('a').id, '--yes'],
    'first-deploy.log',
    clone,
  )
  rehearsal.expect('a first deploy replaces nothing', code === 0, `exit code ${code}`)
  let at: ReleaseName = 'a'
  for (let round = 1; round <= assignment.rounds; round++) {
    const to: ReleaseName = at === 'a' ? 'b' : 'a'
    const rollout = await rehearsal.deploy(to, clone)
    rehearsal.expectRollout(rollout, 0, to)
    if (rollout.exitCode !== 0) return false
    const { version } = plane.group
    const made = plane.template.versions[version - 1]?.tags.release
    rehearsal.expect(
      'terraform apply made the version that runs',
      version === round + 1 && made === rehearsal.release(to).id,
      `version ${version} of release ${made?.slice(0, 12)}`,
    )
    const { release, history } = await readReleaseFile(
      join(clone, 'terraform/release.auto.tfvars.json'),
    )
    rehearsal.expect(
      `the release file names ${to}, after ${at}`,
      release === rehearsal.release(to).id && history[0]?.release === rehearsal.release(at).id,
      `${release.slice(0, 12)}, after ${history[0]?.release.slice(0, 12)}`,
    )
    at = to
  }
  await expectChain(rehearsal, clone, at, assignment.rounds)
  return true
}

/** A clone of this project that has deployed nothing yet, to a fleet that runs `name`. Returns its folder. */
async function cloneRunning(rehearsal: Rehearsal, name: ReleaseName): Promise<string> {
  const { root, folder } = rehearsal.assignment
  const clone = join(folder, 'clone')
  // It knows the commits of all releases.
  const source = join(root, '.rehearsal', 'source')
  await $`git clone --quiet --shared --no-checkout ${source} ${clone}`.quiet()
  const cloud = { group: GROUP, templateId: TEMPLATE, url: URL, alarms: ALARM_NAMES }
  const { id } = rehearsal.release(name)
  await layOutProject(clone, cloud, { release: id, ami_id: rehearsal.imageOf(name) })
  await vouch(rehearsal, clone)
  return clone
}
