import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { Stop, usageError } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import type { Arch } from '../fleet/images.ts'
import { type BakedAmi, bakeAmi, packagesIn } from '../image/ami.ts'
import { lockedMaterials, sha256Of } from '../image/artifacts.ts'
import { readBuiltRelease } from '../image/built-release.ts'
import { bakeLocally, findLocalImage } from '../image/local.ts'
import { needImagePackages } from '../image/packages.ts'
import { findPackages, keepPackages, packageChanges } from '../provenance/inventory.ts'
import { keep, keptAt } from '../provenance/kept.ts'
import { writeStatement } from '../provenance/statement.ts'
import { type Artifact, amiArtifact, type Envelope, readPrivateKey } from '../receipt/envelope.ts'
import { service } from '../service.ts'
import { checkCompatibility } from './compat/check.ts'
import { STORES } from './compat/store.ts'
import { readReleaseFile } from './file.ts'

export interface BakeOptions {
  /** The folder of the project. */
  root: string
  local: boolean
  /** Undefined: arm64 for an AMI, this machine's for a local image. */
  arch: Arch | undefined
  region: string | undefined
  force: boolean
  /** Bake an AMI again, if its base is not the newest. */
  patch: boolean
  /** Who bakes, a URI, for a statement of provenance; undefined: none is made. */
  builder: string | undefined
  /** The private key that signs the statement; undefined: somebody else does. */
  key: string | undefined
  json: boolean
}

const started = performance.now()

function note(line: string): void {
  console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`)
}

/** Bakes the built commit unless already baked. Returns the AMI id or the image directory, or all of it as JSON. */
export async function bake(options: BakeOptions, interrupted: AbortSignal): Promise<string> {
  const { root, local, region, force, patch, json, builder } = options
  const arch = options.arch ?? (local ? (process.arch as Arch) : 'arm64')
  if (local && arch !== process.arch) {
    throw usageError(
      `--local boots the image on this machine, which is ${process.arch}, got --arch ${arch}`,
    )
  }
  if (local && (process.platform !== 'linux' || process.getuid?.() !== 0)) {
    throw new Stop('--local boots a container: needs root on Linux')
  }
  if (local && patch) throw usageError('--patch is for AMIs: give it without --local')
  if (options.key && !builder) throw usageError('--key signs a statement: it needs --builder, too')
  const key = options.key ? readPrivateKey(options.key) : undefined
  const release = await readBuiltRelease(root, arch)
  /** Of an image that was there before, nobody here can say who made it. */
  const state = async (made: boolean, image: () => Artifact, source: () => Artifact[]) => {
    if (!builder) return undefined
    if (!made) {
      note('no statement: this bake did not make the image (--force bakes it again)')
      return undefined
    }
    const compatibleWith = await provenCompatible(
      root,
      release.id,
      arch === process.arch ? release.executable : release.id,
    )
    const locked = await lockedMaterials(arch, (path) => readFileSync(join(root, path)))
    const stated = writeStatement({
      ...{ release, arch, image: image(), builder, key },
      materials: [...locked, ...source()],
      compatibleWith,
    })
    note(`stated in ${stated.path}`)
    return stated
  }
  note(`release ${release.id}, ${arch}`)
  if (local) {
    const found = force ? undefined : findLocalImage(root, release.id)
    if (found) note('already baked (--force bakes it again)')
    else await needImagePackages(root)
    const image = found ?? (await bakeLocally(root, arch, release, note, interrupted))
    await state(
      !found,
      () => archiveArtifact(image.archive),
      () => [archiveArtifact(image.base)],
    )
    return json ? JSON.stringify({ ...image, already: !!found }, null, 2) : image.root
  }
  const work = mkdtempSync(join(tmpdir(), `${service.name}-bake-`))
  try {
    const bake = { root, arch, release, region, force, patch, work, note, interrupted }
    const baked = await bakeAmi(bake)
    const stated = await state(
      !baked.already,
      () => amiArtifact(baked.ami),
      () => (baked.source ? [amiArtifact(baked.source)] : []),
    )
    if (stated?.envelope) await keepWith(baked, stated.path, stated.envelope)
    const changes = baked.already
      ? []
      : await changesOf(baked, readFileSync(packagesIn(work), 'utf8'))
    for (const change of changes) note(change)
    return json ? JSON.stringify({ ...baked, changes }, null, 2) : baked.ami
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The deployed release, if the built one is proven compatible with it; why not is noted, and does not stop a bake. */
async function provenCompatible(
  root: string,
  release: string,
  executable: string,
): Promise<string | undefined> {
  const deployed = readReleaseFile(join(root, 'terraform/release.auto.tfvars.json')).release
  if (!deployed || deployed === release) return undefined
  try {
    const found = await checkCompatibility(
      { old: deployed, new: executable, stores: STORES, seed: 1, histories: 10 },
      () => {},
    )
    if (!found.broken && found.passed.length === STORES.length) {
      note(`proven compatible with ${shortRelease(deployed)} on ${found.passed.join(', ')}`)
      return deployed
    }
    const missing = found.leftOut.map(({ store, reason }) => `${store}: ${reason}`).join('; ')
    note(`not proven compatible with ${shortRelease(deployed)}: ${found.broken?.what ?? missing}`)
  } catch (error) {
    note(`not proven compatible with ${shortRelease(deployed)}: ${explain(error)}`)
  }
  return undefined
}

/** Keeps the list of what an AMI has installed, and returns what differs from the image that it replaces, a line each. */
async function changesOf({ ami, region, replaces }: BakedAmi, packages: string): Promise<string[]> {
  const aws = connect(region)
  try {
    await keepPackages(aws, ami, packages)
    if (replaces === undefined) return []
    const before = await findPackages(aws, replaces)
    if (before === undefined) return [`what ${replaces} has installed was not kept`]
    const changes = packageChanges(before, packages)
    return [`${changes.length} packages differ from those of ${replaces}`, ...changes]
  } catch (error) {
    return [`the packages of ${ami} are not compared: ${explain(error)}`]
  }
}

/** Keeps the statement where a deploy finds it. */
async function keepWith({ ami, region }: BakedAmi, path: string, envelope: Envelope) {
  try {
    await keep(connect(region), ami, envelope)
  } catch (error) {
    throw new Stop(
      `${ami} is baked, but its statement could not be kept: ${explain(error)} Then: aws ssm put-parameter --region ${region} --type String --tier Intelligent-Tiering --name ${keptAt(ami)} --value file://${path}`,
    )
  }
}

const archiveArtifact = (path: string): Artifact => ({
  name: basename(path),
  sha256: sha256Of(readFileSync(path)),
})
