import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { interruption, runCommand } from '../../../scripts/lib/cli/command.ts'
import { EXIT, Stop } from '../../../scripts/lib/cli/errors.ts'
import { painter } from '../../../scripts/lib/cli/format.ts'
import { root } from '../../../scripts/lib/service.ts'
import { withNames } from './balancer/dns.ts'
import { MARGIN_SECONDS } from './balancer/lag.ts'
import { claimMachine, noteProcess, sweep } from './fleet/leftovers.ts'
import { inNetwork, makeNetwork } from './fleet/network.ts'
import { makeReleases, type Release, type ReleaseName } from './fleet/releases.ts'
import { buildChecker } from './load/linearizability.ts'
import { type LagMap, mapLines, marginOf } from './map/map.ts'
import { mapPage } from './map/page.ts'
import { RUN_FOLDER } from './names.ts'
import { command, type Options, refuseContradictions } from './options.ts'
import { pageOf } from './report/page.ts'
import { receiptLines } from './report/receipt-lines.ts'
import type { Result } from './report/result.ts'
import { type Summary, summarize } from './report/totals.ts'
import type { Assignment } from './scenarios/assignment.ts'
import type { ScenarioName } from './scenarios/names.ts'
import { SCENARIOS } from './scenarios/scenarios.ts'

const lastFolder = join(root, '.rehearsal', 'last')
let interrupted: AbortSignal

await runCommand(command, async ({ options: { scenario, ...rest } }) => {
  const options = { ...rest, scenarios: scenario ?? [] }
  refuseContradictions(options)
  claimMachine()
  interrupted = interruption()
  if (await sweep()) say('removed the leftovers of an earlier rehearsal')
  try {
    return await (options.map ? drawMap(options) : rehearse(options))
  } finally {
    await sweep()
  }
})

function say(line: string): void {
  console.error(line)
}

async function prepare(): Promise<void> {
  rmSync(lastFolder, { recursive: true, force: true })
  mkdirSync(lastFolder, { recursive: true })
  mkdirSync(RUN_FOLDER, { recursive: true })
  await noteProcess()
}

async function drawMap({ from, json, html }: Options): Promise<number> {
  await prepare()
  const release = (await makeReleases(root, ['a'], from, say, interrupted)).get('a') as Release
  const executable = join(release.image, 'usr', 'local', 'bin', 'app')
  const resultPath = join(lastFolder, 'map.json')
  const words = [executable, release.id, resultPath]
  await runInside([join(import.meta.dir, 'map', 'run.ts'), ...words], 'the map')
  const map = (await Bun.file(resultPath).json()) as LagMap
  const page = html ?? join(lastFolder, 'map.html')
  await Bun.write(page, mapPage(map))
  const stream = json === '-' ? process.stderr : process.stdout
  stream.write(`${mapLines(map).join('\n')}\n\npicture  ${page}\n`)
  if (json === '-') process.stdout.write(`${JSON.stringify(map)}\n`)
  else if (json) await Bun.write(json, `${JSON.stringify(map, undefined, 2)}\n`)
  return (marginOf(map, map.defaultDrain) ?? -1) >= MARGIN_SECONDS ? EXIT.ok : EXIT.failed
}

async function rehearse(options: Options): Promise<number> {
  await prepare()
  const wanted = options.scenarios.flatMap((name) => SCENARIOS[name].releases)
  const releases = await makeReleases(
    root,
    [...new Set<ReleaseName>(wanted)],
    options.from,
    say,
    interrupted,
  )
  const unchecked = await buildChecker()
  if (unchecked) say(`left out: checking histories for linearizability: ${unchecked}`)
  const receipts: { result: Result; summary: Summary }[] = []
  for (const scenario of options.scenarios) {
    stopIfInterrupted()
    const result = await play(scenario, options, releases)
    const summary = summarize(result)
    receipts.push({ result, summary })
    const stream = options.json === '-' ? process.stderr : process.stdout
    const page = options.html ?? join(lastFolder, `${scenario}.html`)
    await Bun.write(page, await pageOf(result, summary))
    stream.write(
      `\n${receiptLines(result, summary, painter(stream)).join('\n')}\n\npicture  ${page}\n`,
    )
  }
  if (options.json) {
    const text = `${JSON.stringify(receipts.map(forMachines), undefined, 2)}\n`
    if (options.json === '-') process.stdout.write(text)
    else await Bun.write(options.json, text)
  }
  return receipts.every(({ summary }) => summary.met) ? EXIT.ok : EXIT.failed
}

async function play(
  scenario: ScenarioName,
  options: Options,
  releases: Map<ReleaseName, Release>,
): Promise<Result> {
  const folder = join(lastFolder, scenario)
  mkdirSync(folder, { recursive: true })
  const assignment: Assignment = {
    ...options,
    scenario,
    root,
    folder,
    releases: SCENARIOS[scenario].releases.map((name) => releases.get(name) as Release),
  }
  const assignmentPath = join(folder, 'assignment.json')
  const resultPath = join(folder, 'result.json')
  await Bun.write(assignmentPath, JSON.stringify(assignment))

  say(`scenario ${scenario}`)
  const words = [join(import.meta.dir, 'scenarios', 'run.ts'), assignmentPath, resultPath]
  await runInside(words, `scenario ${scenario}`)
  return (await Bun.file(resultPath).json()) as Result
}

/** Runs a script of this folder in a namespace that exists for it only. */
async function runInside(words: string[], what: string): Promise<void> {
  await makeNetwork()
  try {
    const runner = Bun.spawn(inNetwork(await withNames([process.execPath, ...words])), {
      stdin: 'ignore',
      stdout: 'inherit',
      stderr: 'inherit',
      // The containers' temporary files go where they are cleaned up.
      env: { ...process.env, TMPDIR: RUN_FOLDER },
    })
    const stop = () => runner.kill('SIGTERM')
    interrupted.addEventListener('abort', stop, { once: true })
    if (interrupted.aborted) stop()
    const code = await runner.exited
    stopIfInterrupted()
    if (code !== 0) throw new Stop(`${what} did not complete; its logs are in ${lastFolder}`)
  } finally {
    await sweep()
    mkdirSync(RUN_FOLDER, { recursive: true })
    await noteProcess()
  }
}

function stopIfInterrupted(): void {
  if (interrupted.aborted) throw new Stop('interrupted', EXIT.interrupted)
}

/** The receipt without what only the page needs. */
function forMachines({ result, summary }: { result: Result; summary: Summary }) {
  const { seconds: _, ...rest } = result
  return { ...rest, ...summary }
}
