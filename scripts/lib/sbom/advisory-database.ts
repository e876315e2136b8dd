import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { Stop } from '../errors.ts'
import {
  type Advisory,
  type AdvisoryList,
  type NamedVersion,
  versionsByName,
} from './advisories.ts'

/** Where the database has what GitHub has reviewed. */
const REVIEWED = 'advisories/github-reviewed'

/** An advisory as the database has it: https://ossf.github.io/osv-schema. */
interface Entry {
  id: string
  summary: string
  withdrawn?: string | null
  affected: Affected[]
  database_specific: { severity: string }
}

interface Affected {
  package: { ecosystem: string; name: string }
  ranges?: { events: Event[] }[]
  /** Versions beside the ranges, or instead of them. */
  versions?: string[]
  /** Bounds a range that no fix ends. */
  database_specific?: { last_known_affected_version_range?: string }
}

interface Event {
  introduced?: string
  fixed?: string
  last_affected?: string
}

/**
 * What a clone of github.com/github/advisory-database knows about `packages`, as of its commit. Throws `Stop` when it is
 * none.
 */
export async function readDatabase(clone: string, packages: NamedVersion[]): Promise<AdvisoryList> {
  const folder = join(clone, REVIEWED)
  const { exitCode, stdout } = await $`git -C ${clone} log -1 --format=%cI`.nothrow().quiet()
  if (exitCode !== 0 || !existsSync(folder)) {
    throw new Stop(`${clone} is no clone of https://github.com/github/advisory-database`)
  }
  const asked = versionsByName(packages)
  const advisories: AdvisoryList['advisories'] = {}
  for (const path of [...new Bun.Glob('**/*.json').scanSync(folder)].sort()) {
    const text = readFileSync(join(folder, path), 'utf8')
    // Most are about other ecosystems.
    if (!text.includes('"npm"')) continue
    const entry: Entry = JSON.parse(text)
    if (entry.withdrawn) continue
    for (const affected of entry.affected) {
      const { ecosystem, name } = affected.package
      if (ecosystem !== 'npm' || !Object.hasOwn(asked, name)) continue
      advisories[name] = [...(advisories[name] ?? []), toAdvisory(entry, affected)]
    }
  }
  const date = new Date(stdout.toString().trim()).toISOString()
  return { asked: date, packages: asked, advisories }
}

const toAdvisory = ({ id, summary, database_specific }: Entry, affected: Affected): Advisory => ({
  url: `https://github.com/advisories/${id}`,
  title: summary,
  severity: database_specific.severity.toLowerCase(),
  vulnerable_versions: rangeOf(affected),
})

function rangeOf({ ranges = [], versions = [], database_specific }: Affected): string {
  const known = database_specific?.last_known_affected_version_range ?? ''
  const spans = ranges.flatMap(({ events }) => spansOf(events))
  return [...spans.map((span) => `${span} ${known}`.trim()), ...versions].join(' || ')
}

/** Each begins with an event `introduced`, and extends to the next. */
function spansOf(events: Event[]): string[] {
  const spans: string[] = []
  for (const { introduced, fixed, last_affected } of events) {
    if (introduced !== undefined) spans.push(`>=${introduced}`)
    else spans.push(`${spans.pop()} ${fixed ? `<${fixed}` : `<=${last_affected}`}`)
  }
  return spans
}
