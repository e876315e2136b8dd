import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bakeLocally, findLocalImage } from './local.ts'
import { Refusal } from './refusal.ts'
import { type Arch, readBuiltRelease } from './release.ts'

const USAGE = `usage: scripts/bake [--local] [--arch x64|arm64] [--region NAME] [--force] [--json]

Bakes the built commit into an AMI with Packer. A release that is baked already is not baked again.

  --local        into a Debian image directory for systemd-nspawn instead, as root on Linux, without AWS
  --arch ARCH    arm64 by default; with --local, this machine's
  --region NAME  where the AMI is made; AWS_REGION by default
  --force        bake again what is baked already
  --json         print the result as JSON

The last line of the output is the AMI id, or the image directory; packer/manifest.json has it too.
Exit: 0 baked, now or before; 1 refused or failed; 2 usage.`

const root = resolve(import.meta.dir, '../../..')
const started = performance.now()

function say(line: string): void {
  console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`)
}

function parse(argv: string[]) {
  const { values } = parseArgs({
    args: argv,
    options: {
      local: { type: 'boolean', default: false },
      arch: { type: 'string' },
      region: { type: 'string' },
      force: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const arch = values.arch ?? (values.local ? process.arch : 'arm64')
  if (arch !== 'x64' && arch !== 'arm64')
    throw new Error(`--arch: got "${arch}", wants x64 or arm64`)
  if (values.local && arch !== process.arch) {
    throw new Error(
      `--arch: got ${arch}, but --local boots the image on this machine, which is ${process.arch}`,
    )
  }
  return { ...values, arch: arch as Arch }
}

async function main(argv: string[]): Promise<number> {
  let options: ReturnType<typeof parse>
  try {
    options = parse(argv)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  if (options.help) {
    console.log(USAGE)
    return 0
  }
  try {
    const release = await readBuiltRelease(root, options.arch)
    say(`release ${release.id}, ${options.arch}`)
    const found = options.force ? undefined : findLocalImage(root, release.id)
    if (found) say('baked already (--force bakes it again)')
    const image = found ?? (await bakeLocally(root, options.arch, release, say))
    console.log(options.json ? JSON.stringify({ ...image, already: !!found }, null, 2) : image.root)
    return 0
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    console.error(`bake: ${error.message}`)
    return 1
  }
}

process.exitCode = await main(Bun.argv.slice(2))
