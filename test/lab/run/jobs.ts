import { basename } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import type { Need } from './needs.ts'
import { PARTS, type Part } from './parts.ts'

/** What one process tests: a file, or all files of a small part. */
export interface Job {
  /** PART or PART/FILE, as scripts/test takes it. */
  name: string
  part: string
  /** Paths of test files; none: scripts/check. */
  files: string[]
  needs: Need[]
  alone: boolean
  /** Expected, if it has not been measured here. */
  seconds: number
  environment: Record<string, string>
}

const FILES = [...new Bun.Glob('test/*/**/*.test.ts').scanSync(root)].sort()

/** A path like test/service/binary/stop.test.ts as binary/stop; one of the domain has its part in it, too. */
const nameOf = (path: string) =>
  path.replace(/^test\/[^/]+\/(domain\/)?/, '').replace(/\.test\.ts$/, '')

/** The jobs of a PART or PART/FILE; undefined if there is none of that name. */
export function jobsOf(word: string): Job[] | undefined {
  const [name = ''] = word.split('/')
  const part = PARTS[name]
  if (!part) return
  if (name === 'check') return word === name ? [job(part, name, name, [])] : undefined
  const all = FILES.filter((path) =>
    part.files ? part.files.includes(nameOf(path)) : nameOf(path).startsWith(`${name}/`),
  )
  if (word === name && part.together) return [job(part, name, name, all)]
  const files = all.filter((path) => word === name || nameOf(path) === word)
  if (word !== name && files.length === 0) return
  // The files of arm64 have the names of other parts.
  return files.map((path) =>
    job(part, name, part.files ? `${name}: ${nameOf(path)}` : nameOf(path), [path], files.length),
  )
}

/** What a run without arguments is. */
export function jobsByDefault(): Job[] {
  return Object.entries(PARTS).flatMap(([name, { byDefault = [], briefly }]) => {
    const words = byDefault === true ? [name] : byDefault.map((file) => `${name}/${file}`)
    const jobs = words.flatMap((word) => jobsOf(word) ?? [])
    return jobs.map((job) => ({ ...job, environment: { ...job.environment, ...briefly } }))
  })
}

function job(part: Part, name: string, jobName: string, files: string[], of = 1): Job {
  const also = files.flatMap((path) => part.also?.[basename(path, '.test.ts')] ?? [])
  return {
    name: jobName,
    part: name,
    files,
    needs: [...new Set([...(part.needs ?? []), ...also])],
    alone: part.alone ?? false,
    seconds: part.seconds / of,
    environment: part.environment ?? {},
  }
}

/** How a person runs it again. */
export function repeat({ name, part, files }: Job): string {
  if (!PARTS[part]?.files) return name
  const environment = Object.entries(PARTS[part]?.environment ?? {}).map(
    ([key, value]) => `${key}=${value} `,
  )
  return `${part}   # or: ${environment.join('')}bun test ${files.join(' ')}`
}
