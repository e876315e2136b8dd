import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { EXIT, Stop } from '../../../../scripts/lib/cli/errors.ts'
import {
  findLocalImage,
  type LocalImage,
  pruneImages,
} from '../../../../scripts/lib/image/local.ts'

/** Images of earlier rehearsals to keep, about 400 MB each. */
const OTHERS_KEPT = 4

/** How a release is built. They are of different commits, and so have different IDs. */
const BUILDS = {
  a: [],
  // The commit of `a` in another image: as if it were baked again on a newer base.
  patched: [],
  b: [],
  // The same, with a fault that its environment names.
  faulty: ['--entry', 'test/lab/rehearsal/fleet/faulty/main.ts'],
}

export type ReleaseName = keyof typeof BUILDS

export interface Release {
  name: ReleaseName
  /** The commit, which is the release id. */
  id: string
  /** The image directory. */
  image: string
}

/**
 * Builds and bakes the releases with the scripts of their own commits, in a clone that is kept for reuse: `a` is the commit
 * `from`, the others are empty commits on top of HEAD. Existing images are reused. Throws `Stop` when interrupted, after
 * the image that is being made.
 */
export async function makeReleases(
  root: string,
  names: ReleaseName[],
  from: string,
  say: (line: string) => void,
  interrupted: AbortSignal,
): Promise<Map<ReleaseName, Release>> {
  const clone = join(root, '.rehearsal', 'source')
  await updateClone(root, clone)
  if (await $`git -C ${root} status --porcelain`.text()) {
    say('rehearsing the last commit: uncommitted changes are not in the releases')
  }
  const made = new Map<ReleaseName, Release>()
  for (const name of names) {
    if (interrupted.aborted) throw new Stop('interrupted', EXIT.interrupted)
    const isOfFrom = name === 'a' || name === 'patched'
    const id = await checkOut(root, clone, name, isOfFrom ? from : 'HEAD')
    if (!findLocalImage(clone, id)) {
      say(`building and baking release ${name} (${id.slice(0, 12)})`)
      await bake(clone, name, id)
    }
    const image = findLocalImage(clone, id)
    if (!image) throw new Stop(`scripts/bake left no image of ${id}`)
    made.set(name, { name, id, image: name === 'patched' ? await patch(image) : image.root })
  }
  shareBase(clone, root)
  // Keeps a few others, so that switching between commits costs nothing.
  pruneImages(
    clone,
    OTHERS_KEPT,
    [...made.values()].map(({ id }) => id),
  )
  return made
}

/** Copies an image, with a system that differs. Returns the directory of the copy, beside the image. */
async function patch(image: LocalImage): Promise<string> {
  const patched = `${image.root}-patched`
  if (!existsSync(join(patched, 'etc/patched'))) {
    await $`rm -rf ${patched} && cp --archive --reflink=auto ${image.root} ${patched}`
    await Bun.write(join(patched, 'etc/patched'), '')
  }
  return patched
}

async function updateClone(root: string, clone: string): Promise<void> {
  if (!existsSync(join(clone, '.git'))) {
    mkdirSync(join(root, '.rehearsal'), { recursive: true })
    await $`git clone --quiet --no-checkout ${root} ${clone}`.quiet()
    await Bun.write(join(clone, '.git', 'info', 'exclude'), 'node_modules\n')
  }
  await $`git -C ${clone} fetch --quiet origin HEAD`.quiet()
  shareBase(root, clone)
}

/** A base root file system takes a minute to build, so the trees share it. */
function shareBase(from: string, to: string): void {
  const [source = '', target = ''] = [from, to].map((tree) => join(tree, 'packer', '.images'))
  if (!existsSync(source)) return
  mkdirSync(target, { recursive: true })
  for (const name of readdirSync(source).filter((each) => /^debian-.*\.tar$/.test(each))) {
    if (!existsSync(join(target, name))) linkSync(join(source, name), join(target, name))
  }
}

/** Checks out the release's commit, making it if necessary; the same commit each time. Returns its id. */
async function checkOut(
  root: string,
  clone: string,
  name: ReleaseName,
  base: string,
): Promise<string> {
  const found = await $`git -C ${root} rev-parse --verify --quiet ${`${base}^{commit}`}`
    .nothrow()
    .text()
  const commit = found.trim()
  if (!commit) throw new Stop(`commit '${base}' does not exist here: check --from`)
  const git = ['git', '-C', clone]
  await $`${git} fetch --quiet origin ${commit}`.nothrow().quiet()
  await $`${git} checkout --quiet --force --detach ${commit}`.quiet()
  if (name === 'a' || name === 'patched') return commit
  const date = (await $`${git} show --no-patch --format=%cI`.text()).trim()
  await $`${git} -c user.name=rehearsal -c user.email=rehearsal@localhost commit --quiet --allow-empty --no-verify --no-gpg-sign -m ${`Rehearse ${name}`}`
    .env({ ...process.env, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date })
    .quiet()
  return (await $`${git} rev-parse HEAD`.text()).trim()
}

async function bake(clone: string, name: ReleaseName, id: string): Promise<void> {
  // Not a link to the folder: it would be followed, and where it leads to is part of the executable.
  const modules = join(clone, 'node_modules')
  rmSync(modules, { recursive: true, force: true })
  await $`cp --archive --link ${join(clone, '..', '..', 'node_modules')} ${modules}`
  // They are installed for the rehearsed tree; an old lock file keeps the clone from installing them again.
  utimesSync(join(clone, 'bun.lock'), 0, 0)
  for (const step of [
    ['scripts/build', ...BUILDS[name]],
    ['scripts/bake', '--local'],
  ]) {
    const { exitCode, stderr } = await $`${step}`.cwd(clone).nothrow().quiet()
    if (exitCode !== 0) {
      const end = stderr.toString().trim().split('\n').slice(-15).join('\n')
      throw new Stop(`${step.join(' ')} of ${id} failed:\n${end}`)
    }
  }
}
