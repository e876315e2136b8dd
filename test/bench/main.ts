import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../scripts/lib/cli.ts'
import { EXIT, Stop } from '../../scripts/lib/errors.ts'
import { root } from '../../scripts/lib/paths.ts'
import { checkContract } from './check-contract.ts'
import { compare, doubts, summarize } from './comparison.ts'
import { type Contender, prepareContenders } from './contenders.ts'
import { LOAD_CORE, run, SERVER_CORE } from './cores.ts'
import { command, type Options } from './options.ts'
import { startRedis } from './redis-server.ts'
import { measure, orderOfRound, type Samples } from './rounds.ts'
import { SAVE, startServer } from './server.ts'
import { openProgress } from './status-line.ts'
import { tables } from './tables.ts'
import { judge } from './targets.ts'
import { CONNECTIONS } from './wrk.ts'

await runCommand(command, async ({ options: { only = [], ...options } }) => {
  try {
    await bench({ ...options, only })
    return EXIT.ok
  } catch (error) {
    throw new Stop(error instanceof Error ? error.message : String(error))
  }
})

async function bench({ rounds, seconds, only, json }: Options): Promise<void> {
  if (process.platform !== 'linux' || availableParallelism() < 2) {
    throw new Error('needs Linux and two cores: one for the server, one for the load')
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
  const contenders = await prepareContenders(only, folder)
  // The build used every core; from here on this script keeps off the server's, too.
  await run(['taskset', '-acp', String(LOAD_CORE), String(process.pid)])
  const redis = await startRedis(folder)
  await check(contenders, redis.endpoint, folder)

  const samples: Partial<Samples> = Object.fromEntries(only.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of orderOfRound(contenders, round)) {
      progress(`round ${round + 1} of ${rounds}: ${contender.name}`)
      samples[contender.name]?.push(await measure(contender, redis.endpoint, folder, seconds))
    }
  }
  progress.end()
  await redis.stop()

  const rows = summarize(samples)
  const ratios = compare(samples)
  const targets = judge(rows, ratios)
  const conditions = describe(rounds, seconds, contenders)
  const cautions = doubts(rows)
  console.log(
    json
      ? JSON.stringify({ conditions, rows, ratios, targets, cautions, samples }, null, 2)
      : [conditions.join('\n'), ...tables(rows, ratios, targets), cautions.join('\n')]
          .join('\n\n')
          .trimEnd(),
  )
}

/** Saves the birthday on every contender, and throws unless each implements the API. The floors have none. */
async function check(contenders: readonly Contender[], redisEndpoint: string, folder: string) {
  const messages = new Set<string>()
  for (const contender of contenders) {
    const server = await startServer(contender, redisEndpoint, folder, SAVE)
    try {
      if (contender.name !== 'floor' && contender.name !== 'single')
        messages.add(await checkContract(server.url))
    } catch (error) {
      throw new Error(`${contender.name}: ${error instanceof Error ? error.message : error}`)
    } finally {
      await server.stop()
    }
  }
  if (messages.size > 1) throw new Error(`the answers differ: ${[...messages].join(' | ')}`)
}

function describe(rounds: number, seconds: number, contenders: readonly Contender[]): string[] {
  return [
    `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Linux ${release()}`,
    `server on core ${SERVER_CORE} (GOMAXPROCS=1 for Go); wrk, Redis and this script on core ${LOAD_CORE}`,
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'} in turn, ${seconds} s per method after a warm-up, ${CONNECTIONS} connections; medians`,
    ...contenders.map(({ name, what }) => `${name.padEnd(7)}  ${what}`),
  ]
}
