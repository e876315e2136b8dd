import { explain } from '../aws/errors.ts'
import { type Command, interruption, runCommand } from '../cli/command.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { flag, oneOf, text } from '../cli/options.ts'
import { ARCHITECTURES } from '../fleet/images.ts'
import { bake } from '../release/bake.ts'
import { root } from '../service.ts'

const options = {
  local: flag(
    'bake a Debian image directory for systemd-nspawn instead; needs root on Linux, but not AWS',
  ),
  arch: oneOf('x64|arm64', "architecture (arm64; with --local, this machine's)", ARCHITECTURES),
  region: text('NAME', "region of the AMI (AWS_REGION, or the profile's)"),
  force: flag('bake even if the release is already baked'),
  patch: flag(
    'bake it again if it is baked on another base than the newest, and say which packages differ',
  ),
  builder: text('URI', 'who bakes: writes a statement of provenance to dist/provenance'),
  key: text(
    'FILE',
    'private key (PEM) that signs the statement, which is kept for scripts/deploy; without it, that is left to others',
  ),
  json: flag('print the result as JSON'),
}

export const command: Command<typeof options> = {
  name: 'bake',
  synopsis: `
usage: scripts/bake [--local] [options]

Bakes the built commit into an AMI with Packer. A release that is already baked is not baked again.`,
  explain,
  options,
  examples: [
    ['bake', 'the commit that scripts/build built, into an AMI for arm64'],
    ['bake --patch', 'again, if a newer base has come out: scripts/deploy --patch ships that'],
    ['bake --local', 'into a directory on this machine, without AWS'],
    [
      'bake --builder https://example.com/me --key ~/bake.pem',
      'and state, signed, what it was made from',
    ],
  ],
  notes: `
The last line of the output is the AMI id, or the image directory. When interrupted, it waits until Packer has
removed the build instance.

exit codes: 0 baked, now or before; 1 refused or failed; 2 usage; 130 interrupted`,
}

if (import.meta.main) {
  await runCommand(command, async ({ options }) => {
    const interrupted = interruption()
    try {
      console.log(await bake({ root, ...options }, interrupted))
      return EXIT.ok
    } catch (error) {
      if (interrupted.aborted) throw new Stop('interrupted', EXIT.interrupted)
      throw error
    }
  })
}
