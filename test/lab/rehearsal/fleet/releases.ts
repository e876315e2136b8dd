import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { EXIT, Stop } from '../../../../scripts/lib/cli/errors.ts'
import { findLocalImage, pruneImages } from '../../../../scripts/lib/image/local.ts'

/** Images of earlier rehearsals to keep, about 400 MB each. */
const OTHERS_KEPT = 4

export type ReleaseName =
  | 'a'
  | 'b'
  | 'never-healthy'
  | 'broken'
  | 'turns-bad'
  | 'no-drain'
  | 'short-idle'

/** How a release differs from the rehearsed commit: a file in src and what is replaced in it. */
const PATCHES: Record<
  Exclude<ReleaseName, 'a'>,
  { file: string; from: string; to: string } | undefined
> = {
  // The same program, with another ID.
  b: undefined,
  // Fails only with the fleet's store: a release that is unhealthy by itself would not pass the bake.
  'never-healthy': {
    file: 'src/store/redis-client.ts',
    from: "reads.operation(['ping'])",
    to: "reads.operation(['no-such-command'])",
  },
  // Healthy, and yet it answers 404 to every GET. A route that is wrong by itself would not pass the warm-up.
  broken: {
    file: 'src/store/redis.ts',
    from: "client.read(['get', key])",
    to: "client.read(['get', key + '?'])",
  },
  // Works until its instance has this file, like a release that goes wrong over time.
  'turns-bad': {
    file: 'src/birthdays/routes.ts',
    from: 'const username = usernameFrom(c.req',
    to: "if (require('node:fs').existsSync('/etc/app/turn-bad')) throw new Error('turned bad')\n      const username = usernameFrom(c.req",
  },
  'no-drain': {
    file: 'src/config/timeouts.ts',
    from: 'DRAIN_SECONDS = 80',
    to: 'DRAIN_SECONDS = 0',
  },
  'short-idle': {
    file: 'src/config/timeouts.ts',
    from: 'IDLE_TIMEOUT_SECONDS = 75',
    to: 'IDLE_TIMEOUT_SECONDS = 4',
  },
}

export interface Release {
  name: ReleaseName
  /** The commit, which is the release id. */
  id: string
  /** The image directory. */
  image: string
}

/**
 * Builds and bakes the releases with the scripts of their own commits, in a clone that is kept for reuse: `a` is the commit
 * `from`, the others are commits on top of HEAD. Existing images are reused. Throws `Stop` when interrupted, after the image
 * that is being made.
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
  const head = (await $`git -C ${root} rev-parse HEAD`.text()).trim()
  const made = new Map<ReleaseName, Release>()
  for (const name of names) {
    if (interrupted.aborted) throw new Stop('interrupted', EXIT.interrupted)
    const id = await commitOf(root, clone, name, name === 'a' ? from : head)
    const found = findLocalImage(clone, id)
    if (!found) {
      say(`building and baking release ${name} (${id.slice(0, 12)})`)
      await bake(clone, id)
    }
    const image = found ?? findLocalImage(clone, id)
    if (!image) throw new Stop(`scripts/bake left no image of ${id}`)
    made.set(name, { name, id, image: image.root })
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
  const [source, target] = [from, to].map((tree) => join(tree, 'packer', '.images')) as [
    string,
    string,
  ]
  if (!existsSync(source)) return
  mkdirSync(target, { recursive: true })
  for (const name of readdirSync(source).filter((each) => /^debian-.*\.tar$/.test(each))) {
    if (!existsSync(join(target, name))) linkSync(join(source, name), join(target, name))
  }
}

/** Checks out the release's commit, creating it if necessary; the same commit each time. */
async function commitOf(
  root: string,
  clone: string,
  name: ReleaseName,
  base: string,
): Promise<string> {
  const commit = (
    await $`git -C ${root} rev-parse --verify --quiet ${`${base}^{commit}`}`.nothrow().text()
  ).trim()
  if (!commit) throw new Stop(`commit '${base}' does not exist here: check --from`)
  await $`git -C ${clone} fetch --quiet origin ${commit}`.nothrow().quiet()
  await $`git -C ${clone} checkout --quiet --force --detach ${commit}`.quiet()
  if (name === 'a') return commit
  const patch = PATCHES[name]
  if (patch) await replace(join(clone, patch.file), patch)
  const date = (await $`git -C ${clone} show --no-patch --format=%cI HEAD`.text()).trim()
  const who = { name: 'rehearsal', email: 'rehearsal@localhost' }
  await $`git -C ${clone} commit --quiet --all --allow-empty --no-verify --no-gpg-sign -m ${`Rehearse ${name}`}`
    .env({
      ...process.env,
      ...{ GIT_AUTHOR_NAME: who.name, GIT_AUTHOR_EMAIL: who.email, GIT_AUTHOR_DATE: date },
      ...{ GIT_COMMITTER_NAME: who.name, GIT_COMMITTER_EMAIL: who.email, GIT_COMMITTER_DATE: date },
    })
    .quiet()
  return (await $`git -C ${clone} rev-parse HEAD`.text()).trim()
}

async function replace(path: string, { from, to }: { from: string; to: string }): Promise<void> {
  const text = await Bun.file(path).text()
  if (!text.includes(from))
    throw new Stop(`cannot build the bad release: ${path} does not contain "${from}"`)
  await Bun.write(path, text.replaceAll(from, to))
}

async function bake(clone: string, id: string): Promise<void> {
  // Not a link to the folder: it would be followed, and where it leads to is part of the executable.
  const modules = join(clone, 'node_modules')
  rmSync(modules, { recursive: true, force: true })
  await $`cp --archive --link ${join(clone, '..', '..', 'node_modules')} ${modules}`
  // They are installed for the rehearsed tree; an old lock file keeps the clone from installing them again.
  utimesSync(join(clone, 'bun.lock'), 0, 0)
  for (const step of [['scripts/build'], ['scripts/bake', '--local']]) {
    const { exitCode, stderr } = await $`${step}`.cwd(clone).nothrow().quiet()
    if (exitCode !== 0) {
      throw new Stop(
        `${step.join(' ')} of ${id} failed:\n${stderr.toString().trim().split('\n').slice(-15).join('\n')}`,
      )
    }
  }
}
