import { connect } from '../aws/clients.ts'
import { type Command, runCommand } from '../cli.ts'
import { collectGarbage } from '../image/garbage.ts'
import { flag, number, text } from '../options.ts'
import { RELEASE_FILE } from '../release-file.ts'
import { service } from '../service.ts'

const options = {
  yes: flag('remove; without it nothing is changed'),
  keep: number('versions and releases to keep', 5, { min: 1, max: 1000, whole: true }),
  'older-than': { ...number('days; younger ones stay', 30), placeholder: 'DAYS' },
  file: {
    ...text('FILE', 'the releases that were chosen', RELEASE_FILE),
    shownFallback: 'terraform/release.auto.tfvars.json',
  },
  region: text('NAME', "AWS region (AWS_REGION, or the profile's)"),
  json: flag('print the result as JSON: after --yes with what was removed, and what could not be'),
}

const command: Command<typeof options> = {
  name: 'gc',
  synopsis: `
usage: scripts/gc [--yes] [options]

Lists the AMIs of ${service.name}, and why each stays or can go; with --yes removes those that can go, with their
snapshots, and the snapshots whose AMI is gone already.

An AMI stays when an instance runs on it, when it is of one of the last versions of a launch template, of a template's
default version or of the version that a group launches, when it is one of the last releases that were chosen, when it
is young, or when it is shared: what runs on it in another account cannot be seen from here.`,
  options,
  notes: 'exit codes: 0 listed or removed, 1 something could not be removed, 2 usage',
}

await runCommand(command, ({ options }) => collectGarbage(connect(options.region), options))
