import { connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { type Command, runCommand } from '../cli/command.ts'
import { flag, number, text } from '../cli/options.ts'
import { RELEASE_FILE } from '../release/file.ts'
import { collectGarbage } from '../release/garbage.ts'
import { service } from '../service.ts'

const options = {
  yes: flag('remove what can go; without it nothing is changed'),
  keep: number('number of versions and releases to keep', 5, { min: 1, max: 1000, whole: true }),
  'older-than': { ...number('minimum age in days; younger ones stay', 30), placeholder: 'DAYS' },
  file: {
    ...text('FILE', 'the release file, with its history', RELEASE_FILE),
    shownFallback: 'terraform/release.auto.tfvars.json',
  },
  region: text('NAME', "AWS region (AWS_REGION, or the profile's)"),
  json: flag(
    'print the result as JSON; with --yes, including what was removed and what could not be',
  ),
}

export const command: Command<typeof options> = {
  name: 'gc',
  synopsis: `
usage: scripts/gc [--yes] [options]

Lists the AMIs of ${service.name}, and why each stays or can go; with --yes, removes those that can go and their
snapshots, the snapshots whose AMI is already gone, and what failed bakes left.

An AMI stays if an instance runs on it; if one of the last versions of a launch template, its default version or the
version that a group launches uses it; if it is one of the last releases chosen; if it is young; or if it is shared,
since instances in other accounts cannot be seen from here.`,
  explain,
  options,
  examples: [
    ['gc', 'list the images, and what can go'],
    ['gc --yes --older-than 90', 'remove what is older than three months'],
  ],
  notes: 'exit codes: 0 listed or removed, 1 something could not be removed, 2 usage',
}

if (import.meta.main) {
  await runCommand(command, ({ options }) => collectGarbage(connect(options.region), options))
}
