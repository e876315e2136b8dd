import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { Stop } from '../cli/errors.ts'
import { readJson } from '../cli/files.ts'
import { AmiId, ReleaseId, Timestamp } from '../fleet/forms.ts'
import { root } from '../service.ts'

/** The file Terraform reads the release and its AMI from. */
export const RELEASE_FILE = join(root, 'terraform/release.auto.tfvars.json')

const Pinned = z.object({ release: ReleaseId, ami_id: AmiId })
const History = z.array(Pinned.extend({ bumped_at: Timestamp })).default([])
/** Before the first deploy: empty, or zeros. */
const Placeholder = z.object({
  release: z.string().regex(/^0*$/).optional(),
  ami_id: z
    .string()
    .regex(/^(ami-0*)?$/)
    .optional(),
  history: History,
})
const Content = z.union([
  Placeholder.transform(({ history }) => ({ release: '', ami_id: '', history })),
  Pinned.extend({ history: History }),
])

/** A release and the AMI baked from it. */
export type Pinned = z.infer<typeof Pinned>

/**
 * terraform/release.auto.tfvars.json: the release that Terraform runs, and those before this one, newest first, with the
 * time when each was replaced.
 */
export type ReleaseFile = z.output<typeof Content>

/** Reads the file; a missing one, or one that was never deployed, has an empty release. */
export function readReleaseFile(path: string): ReleaseFile {
  const { success, data, error } = Content.safeParse(existsSync(path) ? readJson(path) : {})
  if (success) return data
  const place = error.issues.at(-1)
  const [field] = (place?.code === 'invalid_union' ? place.errors.at(-1)?.[0] : place)?.path ?? []
  throw new Stop(
    `${path}: ${field === undefined ? 'its content' : `'${String(field)}'`} is not what scripts/bump writes: restore it with 'git checkout ${path}'`,
  )
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
