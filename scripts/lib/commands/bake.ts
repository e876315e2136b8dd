import { ARCHITECTURES } from '../aws/images.ts'
import { type Command, interruption, runCommand } from '../cli.ts'
import { EXIT, Stop } from '../errors.ts'
import { bake } from '../image/bake-release.ts'
import { flag, oneOf, text } from '../options.ts'

const options = {
  local: flag(
    'into a Debian image directory for systemd-nspawn instead, as root on Linux, without AWS',
  ),
  arch: oneOf('x64|arm64', "arm64 by default; with --local, this machine's", ARCHITECTURES),
  region: text('NAME', "where the AMI is made (AWS_REGION, or the profile's)"),
  force: flag('bake again what is baked already'),
  json: flag('print the result as JSON'),
}

const command: Command<typeof options> = {
  name: 'bake',
  synopsis: `
usage: scripts/bake [--local] [options]

Bakes the built commit into an AMI with Packer. A release that is baked already is not baked again.`,
  options,
  notes: `
The last line of the output is the AMI id, or the image directory. Interrupted, it waits until Packer has removed the
build instance.

exit codes: 0 baked, now or before; 1 refused or failed; 2 usage; 130 interrupted`,
}

await runCommand(command, async ({ options }) => {
  const interrupted = interruption()
  try {
    console.log(await bake(options, interrupted))
    return EXIT.ok
  } catch (error) {
    if (interrupted.aborted) throw new Stop('interrupted', EXIT.interrupted)
    throw error
  }
})
