import { join } from 'node:path'
import { GetParameterCommand } from '@aws-sdk/client-ssm'
import { type Aws, connect } from '../aws/clients.ts'
import { EXIT, Stop } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import { type Arch, type Image, imagesWith, listImages } from '../fleet/images.ts'
import type { BuiltRelease } from './built-release.ts'
import { runPacker } from './packer.ts'
import { packPayload } from './payload.ts'
import { removeImage, unfinished } from './unfinished.ts'

export interface BakedAmi {
  release: string
  arch: Arch
  region: string
  ami: string
  /** The AMI that it was made from; undefined if its tags do not say. */
  source: string | undefined
  /** The image of the same release that was the newest before. */
  replaces: string | undefined
  /** Whether it existed before. */
  already: boolean
}

export interface AmiBake {
  root: string
  arch: Arch
  release: BuiltRelease
  /** Undefined: the region of the environment or the profile. */
  region: string | undefined
  /** Bake even if the release has an AMI. */
  force: boolean
  /** Bake again what has an AMI, if that was baked on another base than the newest. */
  patch: boolean
  /** A folder for the upload, and for packages.txt, the list of what the image has installed. */
  work: string
  note(line: string): void
  interrupted: AbortSignal
}

/** The public parameter with Amazon Linux's newest AMI, as in packer/aws/source.pkr.hcl. */
export const newestBaseAt = (arch: Arch): string =>
  `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${arch === 'arm64' ? 'arm64' : 'x86_64'}`

async function newestBase(aws: Aws, arch: Arch): Promise<string | undefined> {
  const answer = await aws.ssm.send(new GetParameterCommand({ Name: newestBaseAt(arch) }))
  return answer.Parameter?.Value
}

/** Has Packer bake `release` into an AMI, unless it has one. */
export async function bakeAmi(bake: AmiBake): Promise<BakedAmi> {
  const { root, arch, release, force, patch, note, interrupted } = bake
  const aws = connect(bake.region)
  const region = await aws.ec2.config.region()

  const baked = async () =>
    (await listImages(aws, release.id)).filter(
      (image) => image.arch === arch && image.state === 'available',
    )
  const [existing] = await baked()
  const described = ({ id, source }: Image, already: boolean): BakedAmi => ({
    ...{ release: release.id, arch, region, ami: id, source, replaces: existing?.id, already },
  })
  if (patch) {
    if (!existing) {
      throw new Stop(`${shortRelease(release.id)} has no AMI for ${arch} to patch`, EXIT.ok)
    }
    const newest = await newestBase(aws, arch)
    note(`the newest base is ${newest}, that of ${existing.id} is ${existing.source ?? 'unknown'}`)
    if (existing.source === newest) {
      return described(existing, true)
    }
  } else if (existing && !force) {
    note(`already baked in ${region} (--force bakes it again)`)
    return described(existing, true)
  }

  const missing = ['packer', 'session-manager-plugin'].filter(
    (tool) => !Bun.which(tool, { PATH: process.env.PATH ?? '' }),
  )
  if (missing.length > 0) {
    throw new Stop(
      `not installed: ${missing.join(', ')}. packer/README.md says which version, and why`,
    )
  }
  // Packer leaves an image that it could not wait for, and then refuses to make another with its name.
  for (const left of await imagesWith(aws, [unfinished(release.id)])) {
    if (left.arch !== arch || left.state === 'pending') continue
    note(`removing ${left.id}, which a failed bake left`)
    await removeImage(aws, left.id, left.snapshots)
  }
  const folder = join(root, 'packer', 'aws')
  const packer = (command: string[], env: Record<string, string>) =>
    Bun.spawn(command, {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: { ...process.env, ...env },
    })
  note('packer build packer/aws')
  await runPacker({ command: ['init', folder], start: packer, note, interrupted })
  const variables = {
    region,
    arch,
    release: release.id,
    payload: await packPayload(root, release, bake.work),
    packages: packagesIn(bake.work),
    executable_sha256: release.sha256,
    sbom_sha256: release.sbomSha256,
    commit_time: String(release.commitTime),
    name_suffix: existing ? `-${Math.floor(Date.now() / 1000)}` : '',
  }
  // Packer names the one it made. Of others with the tags of the release, even newer ones, nobody knows the maker.
  const made: string[] = []
  const record = (line: string) => {
    if (line.startsWith(`${region}: ami-`)) made.push(line.slice(`${region}: `.length))
    note(line)
  }
  await runPacker({
    command: ['build', folder],
    variables,
    start: packer,
    note: record,
    interrupted,
  })
  const image = (await baked()).find(({ id }) => id === made.at(-1))
  if (!image) {
    throw new Stop(`packer succeeded, but ${region} has no new AMI with the tags of ${release.id}`)
  }
  return described(image, false)
}

/** Where Packer leaves the list of what the image has installed. */
export const packagesIn = (work: string): string => join(work, 'packages.txt')
