import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { interruption, runCommand } from '../../scripts/lib/cli.ts'
import { EXIT, Stop } from '../../scripts/lib/errors.ts'
import { painter } from '../../scripts/lib/format.ts'
import { root } from '../../scripts/lib/paths.ts'
import type { Assignment } from './assignment.ts'
import { withNames } from './dns.ts'
import { claimMachine, noteProcess, sweep } from './leftovers.ts'
import { RUN_FOLDER } from './names.ts'
import { inNetwork, makeNetwork } from './network.ts'
import { command, type Options, refuseContradictions } from './options.ts'
import { pageOf } from './page.ts'
import { receiptLines } from './receipt-lines.ts'
import { makeReleases, type Release, type ReleaseName } from './releases.ts'
import type { Result } from './result.ts'
import type { ScenarioName } from './scenario-names.ts'
import { SCENARIOS } from './scenarios.ts'
import { type Summary, summarize } from './totals.ts'

const lastFolder = join(root, '.rehearsal', 'last')
let interrupted: AbortSignal

await runCommand(command, async ({ options: { scenario, ...rest } }) => {
  const options = { ...rest, scenarios: scenario ?? [] }
  refuseContradictions(options)
  claimMachine()
  interrupted = interruption()
  if (await sweep()) say('removed the leftovers of an earlier rehearsal')
  try {
    return await rehearse(options)
  } finally {
    await sweep()
  }
})

function say(line: string): void {
  console.error(line)
}

async function rehearse(options: Options): Promise<number> {
  rmSync(lastFolder, { recursive: true, force: true })
  mkdirSync(lastFolder, { recursive: true })
  mkdirSync(RUN_FOLDER, { recursive: true })
  await noteProcess()

  const wanted = options.scenarios.flatMap((name) => SCENARIOS[name].releases)
  const releases = await makeReleases(root, [...new Set<ReleaseName>(wanted)], options.from, say)
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
  await makeNetwork()
  try {
    const runner = Bun.spawn(
      inNetwork(
        await withNames([
          process.execPath,
          join(import.meta.dir, 'run-scenario.ts'),
          assignmentPath,
          resultPath,
        ]),
      ),
      // The containers' temporary files go where they are cleaned up.
      {
        stdin: 'ignore',
        stdout: 'inherit',
        stderr: 'inherit',
        env: { ...process.env, TMPDIR: RUN_FOLDER },
      },
    )
    const stop = () => runner.kill('SIGTERM')
    interrupted.addEventListener('abort', stop, { once: true })
    if (interrupted.aborted) stop()
    const code = await runner.exited
    stopIfInterrupted()
    if (code !== 0)
      throw new Stop(`scenario ${scenario} did not complete; its logs are in ${folder}`)
  } finally {
    await sweep()
    mkdirSync(RUN_FOLDER, { recursive: true })
    await noteProcess()
  }
  return (await Bun.file(resultPath).json()) as Result
}

function stopIfInterrupted(): void {
  if (interrupted.aborted) throw new Stop('interrupted', EXIT.interrupted)
}

/** The receipt without what only the page needs. */
function forMachines({ result, summary }: { result: Result; summary: Summary }) {
  const { seconds: _, ...rest } = result
  return { ...rest, ...summary }
}
