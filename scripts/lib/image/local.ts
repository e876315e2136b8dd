import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { Stop } from '../cli/errors.ts'
import type { Arch } from '../fleet/images.ts'
import type { BuiltRelease } from './built-release.ts'
import { bootContainer, type Container } from './container.ts'
import { runPacker } from './packer.ts'
import { packPayload } from './payload.ts'

const BOOT_TIMEOUT_MS = 30_000
/** A rehearsal uses three releases at once. */
const KEPT_IMAGES = 5

export interface LocalImage {
  release: string
  arch: Arch
  /** The image directory: a root file system that systemd-nspawn boots. */
  root: string
  /** The same, as a .tar.zst. */
  archive: string
  /** The root file system before it was provisioned, as a tar archive. */
  base: string
}

/** The folder of a release's image: packer/.images/RELEASE. */
export function imageFolder(root: string, release: string): string {
  return join(root, 'packer', '.images', release)
}

/** The image of `release` if it was baked; marks it as just used, for `pruneImages`. */
export function findLocalImage(root: string, release: string): LocalImage | undefined {
  const path = join(imageFolder(root, release), 'image.json')
  if (!existsSync(path)) return undefined
  const now = new Date()
  utimesSync(path, now, now)
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** Removes all images of this tree except those of the `wanted` releases and, of the rest, the `kept` last used. */
export function pruneImages(root: string, kept: number, wanted: readonly string[] = []): void {
  const used = (folder: string) => statSync(join(folder, 'image.json')).mtimeMs
  const folders = readdirSync(join(root, 'packer', '.images'))
    .filter((release) => !wanted.includes(release))
    .map((release) => imageFolder(root, release))
    .filter((folder) => existsSync(join(folder, 'image.json')))
    .sort((a, b) => used(b) - used(a))
  for (const folder of folders.slice(kept)) rmSync(folder, { recursive: true, force: true })
}

/**
 * Has Packer provision a Debian root file system that runs under systemd-nspawn. Needs root on Linux. An interruption
 * leaves nothing behind, but a debootstrap or tar that is running finishes first.
 */
export async function bakeLocally(
  root: string,
  arch: Arch,
  release: BuiltRelease,
  note: (line: string) => void,
  interrupted: AbortSignal,
): Promise<LocalImage> {
  const images = join(root, 'packer', '.images')
  mkdirSync(images, { recursive: true })
  const base = await makeBase(root, images, note)
  interrupted.throwIfAborted()

  const work = mkdtempSync(join(images, `.${release.id.slice(0, 12)}-`))
  const target = join(work, 'root')
  try {
    mkdirSync(target)
    await $`tar -C ${target} --numeric-owner --xattrs -xpf ${base}`
    const key = await admitPacker(target, work)
    const payload = await packPayload(root, release, work)
    const folder = imageFolder(root, release.id)
    const image: LocalImage = {
      release: release.id,
      arch,
      root: join(folder, 'root'),
      archive: join(folder, 'root.tar.zst'),
      base,
    }

    const log = join(work, 'console.log')
    const name = `b${process.pid.toString(36)}`
    const container = await bootContainer({ root: target, name, log })
    try {
      await untilActive(container, 'ssh.service', log)
      note('packer build packer/local')
      await runPacker({
        command: ['build', join(root, 'packer', 'local')],
        variables: {
          release: release.id,
          payload,
          executable_sha256: release.sha256,
          commit_time: String(release.commitTime),
          ssh_private_key_file: key,
        },
        start: (command, env) => container.beside(command, env),
        note,
        interrupted,
      })
    } finally {
      await container.stop()
    }

    note('packing the image')
    const packed = join(work, 'root.tar.zst')
    await settleTimes(target, release.commitTime)
    await $`tar -C ${target} --sort=name --numeric-owner --xattrs --pax-option=delete=atime,delete=ctime --use-compress-program=${'zstd -1 -q -T2'} -cf ${packed} .`
    interrupted.throwIfAborted()
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    renameSync(target, image.root)
    renameSync(packed, image.archive)
    writeFileSync(join(folder, 'image.json'), `${JSON.stringify(image, null, 2)}\n`)
    pruneImages(root, KEPT_IMAGES)
    return image
  } finally {
    // By its path: the rm of Bun's shell does not know the option.
    await $`/bin/rm -rf --one-file-system ${work}`
  }
}

/** Gives everything that is younger than `time` (seconds since 1970) that time, so that a repeated bake is the same. */
async function settleTimes(folder: string, time: number): Promise<void> {
  const at = `@${time}`
  await $`find ${folder} -newermt ${at} -exec touch --no-dereference --date=${at} {} +`
}

/** The base is made once for each version of the script that makes it. */
async function makeBase(
  root: string,
  images: string,
  note: (line: string) => void,
): Promise<string> {
  const script = join(root, 'scripts', 'lib', 'image', 'base.sh')
  const version = new Bun.CryptoHasher('sha256')
    .update(readFileSync(script))
    .digest('hex')
    .slice(0, 12)
  const base = join(images, `debian-12-${version}.tar`)
  if (existsSync(base)) return base
  note('making the Debian 12 root file system (once, about a minute)')
  const { exitCode, stderr } = await $`${script} ${base}`.nothrow().quiet()
  if (exitCode !== 0) throw new Stop(`debootstrap failed: ${stderr.toString().trim()}`)
  return base
}

async function untilActive(container: Container, unit: string, log: string): Promise<void> {
  const deadline = Date.now() + BOOT_TIMEOUT_MS
  while ((await container.run('systemctl', '--quiet', 'is-active', unit)).exitCode !== 0) {
    if (Date.now() > deadline) {
      const { stdout, stderr } = await container.run('systemctl', 'status', '--no-pager', unit)
      const said = (stdout + stderr).trim() || readFileSync(log, 'utf8').trim().slice(-2000)
      throw new Stop(`${unit} did not start in the container:\n${said}`)
    }
    await Bun.sleep(100)
  }
}

/** Gives the root user of the file system a key that only this bake has; provisioning removes it. */
async function admitPacker(target: string, work: string): Promise<string> {
  const key = join(work, 'key')
  await $`ssh-keygen -q -t ed25519 -N ${''} -C packer -f ${key}`
  await $`ssh-keygen -q -A -f ${target}`.quiet()
  mkdirSync(join(target, 'root', '.ssh'), { recursive: true, mode: 0o700 })
  cpSync(`${key}.pub`, join(target, 'root', '.ssh', 'authorized_keys'))
  return key
}
