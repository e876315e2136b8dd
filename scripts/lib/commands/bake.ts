import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXIT, parse, runVerb, Stop, usageError } from '../cli.ts'
import { bakeAmi } from '../image/ami.ts'
import { type Arch, readBuiltRelease } from '../image/built-release.ts'
import { bakeLocally, findLocalImage } from '../image/local.ts'
import { needImagePackages } from '../image/packages.ts'
import { root } from '../paths.ts'

const USAGE = `
usage: scripts/bake [--local] [--arch x64|arm64] [--region NAME] [--force] [--json]

Bakes the built commit into an AMI with Packer. A release that is baked already is not baked again.

  --local        into a Debian image directory for systemd-nspawn instead, as root on Linux, without AWS
  --arch ARCH    arm64 by default; with --local, this machine's
  --region NAME  where the AMI is made; the environment's or the profile's by default
  --force        bake again what is baked already
  --json         print the result as JSON

The last line of the output is the AMI id, which packer/manifest.json has too, or the image directory.
Interrupted, it waits until Packer has removed the build instance.
Exit: 0 baked, now or before; 1 refused or failed; 2 usage; 130 interrupted.`

const started = performance.now()

function say(line: string): void {
  console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`)
}

function readOptions(argv: string[]) {
  const { values, positionals } = parse(argv, {
    local: { type: 'boolean', default: false },
    arch: { type: 'string' },
    region: { type: 'string' },
    force: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  })
  if (positionals.length > 0) throw usageError(`it takes no argument, got '${positionals[0]}'`)
  const arch = values.arch ?? (values.local ? process.arch : 'arm64')
  if (arch !== 'x64' && arch !== 'arm64')
    throw usageError(`--arch wants x64 or arm64, got '${arch}'`)
  if (values.local && arch !== process.arch) {
    throw usageError(
      `--local boots the image on this machine, which is ${process.arch}, got --arch ${arch}`,
    )
  }
  return { ...values, arch: arch as Arch }
}

/** Aborted by the first SIGINT or SIGTERM. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => controller.abort())
  return controller.signal
}

async function bake(argv: string[], interrupted: AbortSignal): Promise<string> {
  const { local, arch, region, force, json } = readOptions(argv)
  if (local && (process.platform !== 'linux' || process.getuid?.() !== 0)) {
    throw new Stop('--local boots a container, so it wants root on Linux')
  }
  const release = await readBuiltRelease(root, arch)
  say(`release ${release.id}, ${arch}`)
  if (local) {
    const found = force ? undefined : findLocalImage(root, release.id)
    if (found) say('baked already (--force bakes it again)')
    else await needImagePackages(root)
    const image = found ?? (await bakeLocally(root, arch, release, say, interrupted))
    return json ? JSON.stringify({ ...image, already: !!found }, null, 2) : image.root
  }
  const work = mkdtempSync(join(tmpdir(), 'hello-bake-'))
  try {
    const baked = await bakeAmi({ root, arch, release, region, force, work, say, interrupted })
    return json ? JSON.stringify(baked, null, 2) : baked.ami
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

await runVerb('bake', USAGE, async (argv) => {
  const interrupted = interruption()
  try {
    console.log(await bake(argv, interrupted))
    return EXIT.ok
  } catch (error) {
    if (interrupted.aborted) throw new Stop('interrupted', EXIT.interrupted)
    throw error
  }
})
