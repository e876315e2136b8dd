import type { Aws } from '../aws/clients.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import { commitOf } from '../cli/git.ts'
import { parsed } from '../cli/options.ts'
import { AmiId, inForm } from '../fleet/forms.ts'
import { type Arch, type Digests, type Image, listImages } from '../fleet/images.ts'
import { findRolledBack } from '../fleet/survey.ts'
import { root } from '../service.ts'
import type { Pinned, ReleaseFile } from './file.ts'

/** A release that can be launched. */
export interface Baked extends Pinned, Digests, Pick<Image, 'source' | 'sourceCreated'> {
  arch: Arch | undefined
  createdAt: Date
}

export interface Wanted {
  /** A commit id, full or abbreviated, or a name that git knows; undefined is HEAD. */
  release: string | undefined
  /** Which of the release's AMIs; undefined: the newest. */
  ami: string | undefined
  previous: boolean
  /** The newest image of the release that the file names. */
  patch: boolean
  /** The group whose rolled-back releases `previous` skips; undefined before the first apply. */
  group: string | undefined
  /** May be undefined if the release has only one. */
  arch: Arch | undefined
}

/** The option that names one of the AMIs of a release. */
export const amiOption = parsed(
  'AMI',
  'which of the AMIs of the release, such as the one that was planned (the newest)',
  (ami) => inForm(AmiId, ami),
  { wants: 'an AMI id' },
)

/** Finds the wanted release and its AMI, and refuses one that does not exist. */
export async function choose(aws: Aws, file: ReleaseFile, wanted: Wanted): Promise<Baked> {
  if (wanted.previous) return await findPrevious(aws, file, wanted.group)
  if (wanted.patch) return await findPatch(aws, file, wanted)
  const release = await commitOf(root, wanted.release ?? 'HEAD')
  return single(await listBaked(aws, release), release, wanted)
}

/** Every release that can be launched (only `release`, if given), newest first. */
export async function listBaked(aws: Aws, release?: string): Promise<Baked[]> {
  const images = await listImages(aws, release)
  return images.filter(({ state }) => state === 'available').flatMap(toBaked)
}

const toBaked = ({ release, ...image }: Image): Baked[] =>
  release ? [{ ...image, release, ami_id: image.id }] : []

async function findPatch(aws: Aws, file: ReleaseFile, wanted: Wanted): Promise<Baked> {
  const { release, ami_id } = file
  if (!release) throw new Stop('no release was deployed yet: there is nothing to patch')
  const baked = await listBaked(aws, release)
  const own = baked.find((each) => each.ami_id === ami_id)
  const newest = single(baked, release, { ami: wanted.ami, arch: wanted.arch ?? own?.arch })
  if (newest.ami_id !== ami_id) return newest
  throw new Stop(
    `${ami_id} is the newest image of release ${shortRelease(release)}: 'scripts/bake --patch' bakes another once there is a newer base. Nothing was changed.`,
    EXIT.ok,
  )
}

/** The newest in the history, of the release or another, that was not rolled back and whose AMI still exists. */
async function findPrevious(
  aws: Aws,
  file: ReleaseFile,
  group: string | undefined,
): Promise<Baked> {
  const [baked, rolledBack] = await Promise.all([
    listBaked(aws),
    group ? findRolledBack(aws, group) : ([] as string[]),
  ])
  for (const past of file.history) {
    const found = baked.find(({ ami_id }) => ami_id === past.ami_id)
    if (!found || found.ami_id === file.ami_id) continue
    if (![found.release, found.ami_id].some((each) => rolledBack.includes(each))) return found
  }
  throw new Stop(
    'there is no earlier release in the history that was not rolled back and whose AMI still exists: bake an older commit, and bump to it',
  )
}

function single(
  baked: Baked[],
  release: string,
  { ami, arch }: Pick<Wanted, 'ami' | 'arch'>,
): Baked {
  if (ami) {
    const named = baked.find(({ ami_id }) => ami_id === ami)
    if (named) return named
    throw new Stop(`${ami} is no available AMI of release ${shortRelease(release)}`)
  }
  const fitting = arch ? baked.filter((each) => each.arch === arch) : baked
  const architectures = new Set(fitting.map((each) => each.arch))
  if (architectures.size > 1) {
    throw new Stop(
      `release ${shortRelease(release)} is baked for ${[...architectures].join(' and ')}: say which with --arch`,
    )
  }
  const [newest] = fitting
  if (!newest) {
    throw new Stop(
      `there is no AMI of release ${shortRelease(release)}${arch ? ` for ${arch}` : ''} in this account and region: run scripts/build and scripts/bake on that commit`,
    )
  }
  return newest
}
