import { satisfies } from 'semver'
import { Stop } from '../errors.ts'

/** How long the registry may take, in milliseconds. */
const TIMEOUT_MS = 30_000

/** A known vulnerability, as npm's registry describes it. */
export interface Advisory {
  url: string
  title: string
  severity: string
  /** A range of semantic versions. */
  vulnerable_versions: string
}

export interface AdvisoryList {
  /** As of when it is what is known, in ISO 8601; null: nobody was asked. */
  asked: string | null
  /** What it covers: versions by package. */
  packages: Record<string, string[]>
  /** What is known, by package. */
  advisories: Record<string, Advisory[]>
}

export interface NamedVersion {
  name: string
  version: string
}

export interface Findings {
  affected: (NamedVersion & Advisory)[]
  /** The packages that the list does not cover. */
  uncovered: NamedVersion[]
}

/** Compares `packages` with the list. */
export function findAdvisories(list: AdvisoryList, packages: NamedVersion[]): Findings {
  return {
    affected: packages.flatMap(({ name, version }) =>
      (list.advisories[name] ?? [])
        .filter((each) => satisfies(version, each.vulnerable_versions, { includePrerelease: true }))
        .map((each) => ({ name, version, ...each })),
    ),
    uncovered: packages.filter(({ name, version }) => !list.packages[name]?.includes(version)),
  }
}

/** The versions of each package. */
export function versionsByName(packages: NamedVersion[]): AdvisoryList['packages'] {
  const versions: AdvisoryList['packages'] = {}
  for (const { name, version } of packages) versions[name] = [...(versions[name] ?? []), version]
  return versions
}

/**
 * Asks an npm registry what it knows about `packages`, as `npm audit` does. Throws `Stop` when it cannot be reached or
 * does not answer such questions.
 */
export async function askRegistry(
  registry: string,
  packages: NamedVersion[],
  now: Date,
): Promise<AdvisoryList> {
  const asked = versionsByName(packages)
  const url = `${registry.replace(/\/$/, '')}/-/npm/v1/security/advisories/bulk`
  const refused = (reason: string) => new Stop(`POST ${url}: ${reason}; the list is as it was`)
  let response: Response
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(asked),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error))
  }
  if (!response.ok) throw refused(`got status ${response.status}, expected 200`)
  const answer = await response.json().catch(() => undefined)
  if (!isAnswer(answer)) throw refused('got no JSON object with lists of advisories by package')
  const advisories = Object.entries(answer).map(([name, list]) => [name, list.map(withoutRest)])
  return { asked: now.toISOString(), packages: asked, advisories: Object.fromEntries(advisories) }
}

const isAnswer = (value: unknown): value is Record<string, Advisory[]> =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every(
    (list) =>
      Array.isArray(list) && list.every((each) => typeof each?.vulnerable_versions === 'string'),
  )

const withoutRest = ({ url, title, severity, vulnerable_versions }: Advisory): Advisory => ({
  url,
  title,
  severity,
  vulnerable_versions,
})
