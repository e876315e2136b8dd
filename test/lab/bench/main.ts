import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../../scripts/lib/cli/command.ts'
import { EXIT, Stop } from '../../../scripts/lib/cli/errors.ts'
import { root } from '../../../scripts/lib/service.ts'
import { checkContract } from './check-contract.ts'
import { compare, doubts, summarize } from './comparison.ts'
import { type Contender, prepareContenders } from './contenders.ts'
import { run } from './cores.ts'
import { syncsPerSecond } from './disk.ts'
import { buildFixedRate, type Latency } from './fixed-rate.ts'
import { type ContenderName, command, FLOORS, type Options, settle } from './options.ts'
import { plot } from './plot.ts'
import { SAVE } from './requests.ts'
import { measure, orderOfRound, type Samples } from './rounds.ts'
import { startServer } from './server.ts'
import { type Setup, startSetup } from './setup.ts'
import { openProgress } from './status-line.ts'
import { LATENCY_ROUNDS, measureLatencies, medianLatencies, type Soak, soak } from './steady.ts'
import { tables } from './tables.ts'
import { judge } from './targets.ts'
import { CONNECTIONS } from './wrk.ts'

await runCommand(command, async ({ options }) => {
  try {
    await bench(settle(options))
    return EXIT.ok
  } catch (error) {
    if (error instanceof Stop) throw error
    throw new Stop(error instanceof Error ? error.message : String(error))
  }
})

async function bench(options: Options): Promise<void> {
  const { rounds, seconds, only, workers, json } = options
  if (process.platform !== 'linux' || availableParallelism() < Math.max(2, workers)) {
    throw new Error(
      `needs Linux, a core for each worker of the server, and one for the load: ${availableParallelism()} found`,
    )
  }
  const packages = join(root, 'scripts/lib/shell/packages.sh')
  await run(['bash', '-c', 'source "$1" && need_packages wrk redis-server', 'bench', packages])

  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => process.exit(EXIT.interrupted))
  }
  const progress = openProgress()
  progress('building the contenders')
  await buildFixedRate(folder)
  const contenders = await prepareContenders(only, folder, options.production)
  const setup = await startSetup(folder, options)
  // The build used every core; from here on this script keeps off the server's, too.
  await run(['taskset', '-acp', setup.cores.load.join(), String(process.pid)])
  await check(contenders, setup)

  const samples: Partial<Samples> = Object.fromEntries(only.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of orderOfRound(contenders, round)) {
      progress(`round ${round + 1} of ${rounds}: ${contender.name}`)
      samples[contender.name]?.push(await measure(contender, setup, seconds))
    }
  }
  const latencyRounds: Partial<Record<ContenderName, Latency[][]>> = {}
  for (let round = 0; options.latency && round < Math.min(LATENCY_ROUNDS, rounds); round++) {
    for (const contender of orderOfRound(contenders, round)) {
      const { name } = contender
      progress(`fixed rates, round ${round + 1}: ${name}`)
      const measured = await measureLatencies(contender, setup, seconds, samples[name] ?? [])
      latencyRounds[name] = [...(latencyRounds[name] ?? []), measured]
    }
  }
  const soaks: Soak[] = []
  for (const contender of options.soak > 0 ? contenders : []) {
    progress(`memory after ${options.soak} s: ${contender.name}`)
    soaks.push(await soak(contender, setup, options.soak))
  }
  const disk = options.sqlite ? syncsPerSecond(folder, seconds) : undefined
  progress.end()
  await setup.store.stop()

  const latencies = only.flatMap((name) => medianLatencies(latencyRounds[name] ?? []))
  const rows = summarize(samples)
  const ratios = compare(samples)
  const targets = judge({ rows, ratios, latencies, syncsPerSecond: disk }, options)
  const conditions = describe(options, setup, contenders, disk)
  const cautions = doubts(rows, latencies)
  const results = { rows, ratios, latencies, soaks, targets }
  if (options.plot !== undefined) writeFileSync(options.plot, plot(rows, latencies))
  console.log(
    json
      ? JSON.stringify({ conditions, ...results, cautions, samples }, null, 2)
      : [conditions.join('\n'), ...tables(results), cautions.join('\n')].join('\n\n').trimEnd(),
  )
}

/** Saves the birthday on every contender, and throws unless each implements the API. The floors have none. */
async function check(contenders: readonly Contender[], setup: Setup) {
  const messages = new Set<string>()
  for (const contender of contenders) {
    const server = await startServer(contender, setup, SAVE)
    try {
      if (!FLOORS.includes(contender.name)) messages.add(await checkContract(server.url))
    } catch (error) {
      throw new Error(`${contender.name}: ${error instanceof Error ? error.message : error}`)
    } finally {
      await server.stop()
    }
  }
  if (messages.size > 1) throw new Error(`the answers differ: ${[...messages].join(' | ')}`)
}

function describe(
  { rounds, seconds, users, production, sqlite, waitReplicas }: Options,
  { cores: { server, load } }: Setup,
  contenders: readonly Contender[],
  disk: number | undefined,
): string[] {
  const shared = server.some((core) => load.includes(core))
  return [
    ['scripts/bench', ...process.argv.slice(2)].join(' '),
    `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Linux ${release()}`,
    `server on ${coresText(server)}, a worker or a Go thread on each; wrk, store and this script on ${coresText(load)}`,
    ...(shared ? ['the load takes a core from the server: the limit is the machine'] : []),
    production
      ? `as in production: a cluster of three primaries, TLS, tokens for the service; each write waits for ${waitReplicas} replicas`
      : sqlite
        ? 'SQLite, each PUT on disk before its answer'
        : 'one Redis, no TLS, no tokens',
    ...(disk === undefined
      ? []
      : [`the disk syncs ${disk.toFixed(0)} writes a second, one by one`]),
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'} in turn, ${seconds} s per method after a warm-up, ${CONNECTIONS} connections, ${users} users; medians`,
    ...contenders.map(({ name, what }) => `${name.padEnd(13)}  ${what}`),
  ]
}

function coresText(cores: readonly number[]): string {
  return `${cores.length === 1 ? 'core' : 'cores'} ${cores.join(', ')}`
}
