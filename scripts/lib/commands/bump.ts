import { connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { type Command, runCommand } from '../cli/command.ts'
import { usageError } from '../cli/errors.ts'
import { flag, oneOf, text } from '../cli/options.ts'
import { ARCHITECTURES } from '../fleet/images.ts'
import { provenanceOf } from '../provenance/attested.ts'
import { bump, listReleases } from '../release/bump.ts'
import { amiOption, choose } from '../release/choose.ts'
import { RELEASE_FILE, readReleaseFile } from '../release/file.ts'
import { service } from '../service.ts'

const options = {
  previous: flag(
    'choose the newest earlier release, or image of this one, that was not rolled back and whose AMI still exists',
  ),
  unattested: flag('choose it even if no trusted builder vouches for the image'),
  list: flag('list the baked releases and the deployment history'),
  ami: amiOption,
  arch: oneOf('x64|arm64', 'architecture, if the release is baked for both', ARCHITECTURES),
  group: text(
    'NAME',
    'Auto Scaling group on which rolled-back releases are marked',
    `${service.name}-production`,
  ),
  region: text('NAME', "AWS region (AWS_REGION, or the profile's)"),
  file: {
    ...text('FILE', 'the file to write', RELEASE_FILE),
    shownFallback: 'terraform/release.auto.tfvars.json',
  },
  json: flag('print the result as JSON'),
}

export const command: Command<typeof options> = {
  name: 'bump',
  synopsis: `
usage: scripts/bump [RELEASE] [options]
       scripts/bump --previous [options]
       scripts/bump --list [options]

Writes the release to run, and its AMI, to terraform/release.auto.tfvars.json, once it is proven that a builder in
scripts/trusted-builders.json made the AMI from that commit. Nothing changes in AWS until the next terraform apply or
scripts/deploy. Commit the file.

RELEASE is a baked commit, tag or branch; HEAD by default.`,
  explain,
  options,
  examples: [
    ['bump', 'choose the checked-out commit'],
    ['bump --previous', 'go back to the release before'],
    ['bump --list', 'what is baked, and what was chosen'],
  ],
  notes: 'exit codes: 0 written, or already up to date; 1 refused; 2 usage',
  words: 1,
}

if (import.meta.main) {
  await runCommand(command, async ({ options, words: [release] }) => {
    const { previous, list, arch, group, unattested, json } = options
    if ([release !== undefined, previous, list].filter(Boolean).length > 1) {
      throw usageError('give only one of RELEASE, --previous and --list')
    }
    const aws = connect(options.region)
    const file = readReleaseFile(options.file)
    if (list) return await listReleases(aws, file, json)
    const chosen = await choose(aws, file, {
      ...{ release, ami: options.ami, previous, patch: false, group, arch },
    })
    console.error(`provenance ${(await provenanceOf(aws, chosen, unattested)).text}`)
    return await bump(options.file, file, chosen, json)
  })
}
