import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { interruption, runCommand } from '../../../scripts/lib/cli/command.ts'
import { EXIT, Stop } from '../../../scripts/lib/cli/errors.ts'
import { painter } from '../../../scripts/lib/cli/format.ts'
import { root } from '../../../scripts/lib/service.ts'
import type { Assignment } from './assignment.ts'
import { MARGIN_SECONDS } from './balancer/lag.ts'
import { claimMachine, sweep, sweepAll } from './fleet/leftovers.ts'
import { inPlace, makeNetwork } from './fleet/network.ts'
import { makeReleases, type Release, type ReleaseName } from './fleet/releases.ts'
import { buildChecker } from './load/linearizability.ts'
import { requireMachine } from './machine.ts'
import { jsonOf, type LagMap, marginOf, verdictOf } from './map/map.ts'
import { pictureOf } from './map/picture.ts'
import { type Place, placeOf } from './names.ts'
import { command, type Options, refuseContradictions } from './options.ts'
import { pageOf } from './report/page.ts'
import { receiptLines } from './report/receipt-lines.ts'
import type { Result } from './report/result.ts'
import { type Summary, summarize } from './report/totals.ts'
import { scenarioNamed } from './scenarios/all.ts'

const lastFolder = join(root, '.rehearsal', 'last')
let interrupted: AbortSignal

await runCommand(command, async ({ options }) => {
  refuseContradictions(options)
  await requireMachine()
  interrupted = interruption()
  if (await claimMachine()) say('removed the leftovers of an earlier rehearsal')
  rmSync(lastFolder, { recursive: true, force: true })
  mkdirSync(lastFolder, { recursive: true })
  try {
    return await (options.map ? drawMap(options) : rehearse(options))
  } finally {
    await sweepAll()
  }
})

function say(line: string): void {
  console.error(line)
}

async function drawMap({ from, json, html }: Options): Promise<number> {
  const release = (await makeReleases(root, ['a'], from, say, interrupted)).get('a') as Release
  const executable = join(release.image, 'usr', 'local', 'bin', 'app')
  const resultPath = join(lastFolder, 'map.json')
  const words = [join(import.meta.dir, 'map', 'run.ts'), executable, release.id, resultPath]
  await runInside(placeOf(0), words, 'the map')
  const map = (await Bun.file(resultPath).json()) as LagMap
  const picture = html ?? join(lastFolder, 'map.svg')
  await Bun.write(picture, pictureOf(map))
  const stream = json === '-' ? process.stderr : process.stdout
  stream.write(`${verdictOf(map)}\npicture  ${picture}\n`)
  if (json) await write(json, jsonOf(map))
  return (marginOf(map, map.defaultDrain) ?? -1) >= MARGIN_SECONDS ? EXIT.ok : EXIT.failed
}

interface Receipt {
  result: Result
  summary: Summary
}

async function rehearse(options: Options): Promise<number> {
  const wanted = options.scenario.flatMap((name) => scenarioNamed(name).releases)
  const names = [...new Set<ReleaseName>(wanted)]
  const releases = await makeReleases(root, names, options.from, say, interrupted)
  const unchecked = await buildChecker()
  if (unchecked) say(`left out: checking histories for linearizability: ${unchecked}`)
  const queue = [...options.scenario]
  const receipts: Receipt[] = []
  const playOneByOne = async (place: Place) => {
    for (let name = queue.shift(); name; name = queue.shift()) {
      receipts.push(await play(name, options, releases, place))
    }
  }
  const places = Array.from({ length: options.atOnce }, (_, number) => placeOf(number))
  const ends = await Promise.allSettled(places.map(playOneByOne))
  if (options.json) {
    await write(options.json, `${JSON.stringify(receipts.map(forMachines), undefined, 2)}\n`)
  }
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return receipts.every(({ summary }) => summary.met) ? EXIT.ok : EXIT.failed
}

async function play(
  scenario: string,
  options: Options,
  releases: Map<ReleaseName, Release>,
  place: Place,
): Promise<Receipt> {
  const folder = join(lastFolder, scenario)
  mkdirSync(folder, { recursive: true })
  const own = scenarioNamed(scenario).releases.map((name) => releases.get(name) as Release)
  const assignment: Assignment = { ...options, scenario, root, folder, releases: own }
  const assignmentPath = join(folder, 'assignment.json')
  const resultPath = join(folder, 'result.json')
  await Bun.write(assignmentPath, JSON.stringify(assignment))

  say(`scenario ${scenario}`)
  const words = [join(import.meta.dir, 'run.ts'), assignmentPath, resultPath]
  await runInside(place, words, `scenario ${scenario}`)
  const result = (await Bun.file(resultPath).json()) as Result
  const summary = summarize(result)
  const page = options.html ?? join(lastFolder, `${scenario}.html`)
  await Bun.write(page, await pageOf(result, summary))
  const stream = options.json === '-' ? process.stderr : process.stdout
  const lines = receiptLines(result, summary, painter(stream))
  stream.write(`\n${lines.join('\n')}\n\npicture  ${page}\n`)
  return { result, summary }
}

/** Runs a script in a place that exists for it only. */
async function runInside(place: Place, words: string[], what: string): Promise<void> {
  stopIfInterrupted()
  mkdirSync(place.folder, { recursive: true })
  await makeNetwork(place)
  try {
    const runner = Bun.spawn(await inPlace(place, [process.execPath, ...words]), {
      stdin: 'ignore',
      stdout: 'inherit',
      stderr: 'inherit',
      // The containers' temporary files go where they are cleaned up.
      env: { ...process.env, TMPDIR: place.folder, REHEARSAL_PLACE: String(place.number) },
    })
    const stop = () => runner.kill('SIGTERM')
    interrupted.addEventListener('abort', stop, { once: true })
    if (interrupted.aborted) stop()
    const code = await runner.exited
    stopIfInterrupted()
    if (code !== 0) throw new Stop(`${what} did not complete; its logs are in ${lastFolder}`)
  } finally {
    await sweep(place)
  }
}

function stopIfInterrupted(): void {
  if (interrupted.aborted) throw new Stop('interrupted', EXIT.interrupted)
}

async function write(path: string, text: string): Promise<void> {
  await Bun.write(path === '-' ? Bun.stdout : path, text)
}

/** The receipt without what only the page needs. */
function forMachines({ result, summary }: Receipt) {
  const { seconds: _, ...rest } = result
  return { ...rest, ...summary }
}
