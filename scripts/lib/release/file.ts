import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Stop } from '../cli/errors.ts'
import { root } from '../service.ts'

/** The file Terraform reads the release and its AMI from. */
export const RELEASE_FILE = join(root, 'terraform/release.auto.tfvars.json')

/** A release and the AMI baked from it. */
export interface Pinned {
  release: string
  ami_id: string
}

/** A release that was replaced, and when. */
export interface Past extends Pinned {
  bumped_at: string
}

/** terraform/release.auto.tfvars.json: the release that Terraform runs. */
export interface ReleaseFile extends Pinned {
  /** Releases before this one, newest first. */
  history: Past[]
}

const NONE: ReleaseFile = { release: '', ami_id: '', history: [] }

/** Reads the file; a missing one, or one that was never deployed, has an empty release. */
export async function readReleaseFile(path: string): Promise<ReleaseFile> {
  if (!existsSync(path)) return NONE
  const text = await Bun.file(path).text()
  try {
    const { release, ami_id, history = [] } = JSON.parse(text) as Partial<ReleaseFile>
    if (!release || !ami_id || /^0+$/.test(release)) return { ...NONE, history }
    return { release, ami_id, history }
  } catch {
    throw new Stop(`${path} is not JSON: restore it with 'git checkout ${path}'`)
  }
}

/** `file` with `next` as its release, and the former release on top of the history. */
export function bumped(file: ReleaseFile, next: Pinned, now: Date): ReleaseFile {
  const { release, ami_id, history } = file
  if (release === next.release && ami_id === next.ami_id) return file
  const past = release ? [{ release, ami_id, bumped_at: now.toISOString() }] : []
  return { ...next, history: [...past, ...history] }
}

export async function writeReleaseFile(path: string, file: ReleaseFile): Promise<void> {
  await Bun.write(path, `${JSON.stringify(file, undefined, 2)}\n`)
}
