import { readFileSync } from 'node:fs'
import { Stop } from './errors.ts'

const REASONS: Record<string, string> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'is behind a file that is no folder',
  EACCES: 'may not be read or written by this user',
  EPERM: 'may not be read or written by this user',
  EROFS: 'is on a file system that cannot be written',
  ENOSPC: 'has no space left to be written',
  ELOOP: 'is a link that leads nowhere',
}

/** Why a file could not be read or written, in a sentence; undefined for an error of another kind. */
export function fileProblem(error: unknown): string | undefined {
  const { code, path } = error as { code?: unknown; path?: unknown }
  const reason = REASONS[String(code)]
  return reason && typeof path === 'string' ? `${path} ${reason}` : undefined
}

/** The content of a file that somebody named. Throws `Stop` when it cannot be read. */
export function readNamed(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Stop(
      fileProblem(Object.assign(error as object, { path })) ??
        `${path}: ${(error as Error).message}`,
    )
  }
}

/** The JSON in such a file. Throws `Stop` when there is none. */
export function readJson(path: string): unknown {
  const text = readNamed(path).toString()
  try {
    return JSON.parse(text)
  } catch {
    throw new Stop(`${path} is not JSON`)
  }
}
