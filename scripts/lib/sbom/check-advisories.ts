import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { EXIT, Stop } from '../errors.ts'
import { painter } from '../format.ts'
import { type AdvisoryList, askRegistry, findAdvisories, type NamedVersion } from './advisories.ts'
import { readDatabase } from './advisory-database.ts'

/** An older list is worth a warning. */
const OLD_DAYS = 30
const DAY_MS = 86_400_000
/** Packages to name in a warning before it says how many more there are. */
const NAMED = 3

interface Options {
  refresh: boolean
  /** A clone of GitHub's database. */
  from: string | undefined
  sbom: string
  list: string
  registry: string
  json: boolean
}

/** Says what of a bill of materials the list knows to be vulnerable. Returns the exit code. */
export async function checkAdvisories(options: Options, now: Date): Promise<number> {
  const packages = packagesOf(readJson(options.sbom, 'run scripts/build'))
  if (options.refresh || options.from) {
    const answer = options.from
      ? await readDatabase(options.from, packages)
      : await askRegistry(options.registry, packages, now)
    writeFileSync(options.list, `${JSON.stringify(answer, null, 2)}\n`)
  }
  const list: AdvisoryList = readJson(options.list, 'run scripts/advisories --refresh')
  const { affected, uncovered } = findAdvisories(list, packages)
  const days = list.asked && Math.floor((now.getTime() - Date.parse(list.asked)) / DAY_MS)
  if (options.json) {
    const { asked } = list
    console.log(JSON.stringify({ asked, days, packages: packages.length, affected, uncovered }))
    return affected.length > 0 ? EXIT.failed : EXIT.ok
  }
  const paint = painter(process.stdout)
  const warn = (text: string) => console.log(`${paint('yellow', 'warning:')} ${text}`)
  if (days === null) {
    warn('the list is empty: nobody has asked what is known; scripts/advisories --refresh does')
  } else {
    const date = list.asked?.slice(0, 10)
    console.log(`advisories of ${date}, ${days === 1 ? '1 day' : `${days} days`} old`)
    if (Number(days) > OLD_DAYS) warn(`that is old: scripts/advisories --refresh asks again`)
    if (uncovered.length > 0) warn(`the list does not cover ${namesOf(uncovered)}`)
  }
  for (const { name, version, severity, title, url } of affected) {
    console.log(`${paint('red', 'affected:')} ${name} ${version}, ${severity}: ${title}, ${url}`)
  }
  const known = days === null ? 'nothing known of them' : `${affected.length || 'none'} affected`
  console.log(`${packages.length} packages, ${known}`)
  return affected.length > 0 ? EXIT.failed : EXIT.ok
}

function packagesOf(bill: {
  components: { group?: string; name: string; version: string }[]
}): NamedVersion[] {
  return bill.components.map(({ group, name, version }) => ({
    name: group ? `${group}/${name}` : name,
    version,
  }))
}

function namesOf(packages: NamedVersion[]): string {
  const names = packages.slice(0, NAMED).map(({ name, version }) => `${name} ${version}`)
  const more = packages.length - names.length
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '')
}

// biome-ignore lint/suspicious/noExplicitAny: each caller says what the file is
function readJson(path: string, advice: string): any {
  if (!existsSync(path)) throw new Stop(`there is no ${path}: ${advice}`)
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    throw new Stop(`${path} is not JSON: ${advice}`)
  }
}
