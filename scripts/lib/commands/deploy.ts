import { explain } from '../aws/errors.ts'
import { type Command, runCommand } from '../cli/command.ts'
import { usageError } from '../cli/errors.ts'
import { flag, oneOf, readOptions, text } from '../cli/options.ts'
import { ARCHITECTURES } from '../fleet/images.ts'
import { amiOption } from '../release/choose.ts'
import { deploy } from '../release/ship.ts'
import { service } from '../service.ts'
import { rollout } from './rollout.ts'

const prefix = service.environmentPrefix

const options = {
  previous: flag(
    'choose the newest earlier release, or image of this one, that was not rolled back and whose AMI still exists',
  ),
  patch: flag(
    'ship the newest image of the release that is deployed, which scripts/bake --patch made',
  ),
  plan: flag('describe what would happen, and stop; nothing is written'),
  yes: flag('do not ask for confirmation'),
  all: flag(
    'apply the plan even if it changes more than the launch template and the rollout (not needed the first time)',
  ),
  incompatible: flag(
    'ship it even if its statement does not say that it was proven compatible with the release that runs',
  ),
  unattested: flag('ship it even if no trusted builder vouches for the image'),
  retry: flag('retry a release that was rolled back'),
  'during-freeze': flag('ship although deploys are frozen; the receipt says so'),
  ami: amiOption,
  arch: oneOf('x64|arm64', 'architecture, if the release is baked for both', ARCHITECTURES),
  region: text('NAME', "AWS region (AWS_REGION, terraform output, or the profile's)"),
  token: text('TOKEN', `token with write scope, for the probe and scripts/smoke (${prefix}_TOKEN)`),
}

export const command: Command<typeof options> = {
  name: 'deploy',
  synopsis: `
usage: scripts/deploy [RELEASE] [options] [-- TERRAFORM-OPTION…]

Ships a baked release: chooses it and proves where its image comes from (scripts/bump), shows the plan, applies it, which
rolls out the release, and checks the service (scripts/smoke). RELEASE is a baked commit, tag or branch; HEAD by default.`,
  explain,
  options,
  examples: [
    ['deploy --plan', 'what would happen, in words'],
    ['deploy v1.4.0', 'ship the commit of a tag'],
    ['deploy --patch', 'the deployed release on a newer base'],
    ['deploy --previous --yes', 'ship the previous release, without a question'],
  ],
  notes: `
Options of scripts/rollout are read from environment variables, such as ${prefix}_ROLLOUT_WATCH_SECONDS.

exit codes: 0 shipped; 1 refused, or terraform failed; 2 usage; 3 rolled back; 4 failed, in the rollout
            or scripts/smoke, or cancelled; 5 timed out; 6 lost sight of a rollout that continues`,
  words: 1,
  passesOn: true,
}

if (import.meta.main) {
  await runCommand(command, async ({ options, words: [release], passedOn }) => {
    if ((release ?? options.ami) !== undefined && options.previous) {
      throw usageError('give either RELEASE or --previous')
    }
    if (options.patch && (release !== undefined || options.previous)) {
      throw usageError('--patch is of the release that is deployed: give it without another')
    }
    const { values: pace } = readOptions(
      rollout.options,
      [],
      process.env,
      rollout.environmentPrefix,
    )
    return await deploy({
      ...options,
      release,
      token: options.token ?? process.env[`${prefix}_TOKEN`],
      terraformOptions: passedOn,
      pace,
    })
  })
}
