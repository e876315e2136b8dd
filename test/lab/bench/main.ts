import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../../../scripts/lib/cli/command.ts'
import { EXIT, Stop } from '../../../scripts/lib/cli/errors.ts'
import { root } from '../../../scripts/lib/service.ts'
import { CONTENDERS, type Contender, prepareContenders } from './contenders.ts'
import { compare, type Sample, type Samples, summarize, targets } from './figures.ts'
import { answerOf, CONNECTIONS, type Figures, load, METHODS, type Method, USERS } from './load.ts'
import { leaveServerCore, run } from './machine.ts'
import { command, type Options } from './options.ts'
import { plot } from './plot.ts'
import { startCluster, startRedis } from './redis.ts'
import { asText, type Report, withTables } from './report.ts'
import { startServer } from './server.ts'

/** Lets just-in-time compilers and connection pools settle before anything is measured. */
const WARM_UP_SECONDS = 2

await runCommand(command, async ({ options }) => {
  try {
    if (options.record) await record(options)
    else {
      const report = await bench(options)
      console.log(options.json ? JSON.stringify(report, null, 2) : asText(report))
    }
    return EXIT.ok
  } catch (error) {
    throw new Stop(error instanceof Error ? error.message : String(error))
  }
})

/** Writes what README.md, figures/ and the pictures show. */
async function record(options: Options): Promise<void> {
  const here = join(root, 'test/lab/bench')
  const reports = {
    'one-redis': await bench({ ...options, production: false }),
    production: await bench({ ...options, production: true }),
  }
  mkdirSync(join(here, 'figures'), { recursive: true })
  for (const [name, report] of Object.entries(reports)) {
    await Bun.write(join(here, 'figures', `${name}.json`), `${JSON.stringify(report, null, 2)}\n`)
    await Bun.write(join(here, 'figures', `${name}.svg`), plot(report.rows))
  }
  const readme = Bun.file(join(here, 'README.md'))
  await Bun.write(readme, withTables(await readme.text(), reports))
}

async function bench(options: Options): Promise<Report> {
  const { rounds, seconds, production } = options
  if (process.platform !== 'linux' || availableParallelism() < 2) {
    throw new Error(`needs Linux and two cores, got ${process.platform}, ${availableParallelism()}`)
  }
  const packages = join(root, 'scripts/lib/shell/packages.sh')
  await run(['bash', '-c', 'source "$1" && need_packages wrk redis-server', 'bench', packages])

  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => process.exit(EXIT.interrupted))
  }
  progress('building the contenders')
  const contenders = await prepareContenders(options.only ?? CONTENDERS, folder, production)
  const store = await (production ? startCluster : startRedis)(folder)
  // The build used every core; from here on this script keeps off the server's.
  await leaveServerCore()

  const samples: Samples = {}
  const answers = new Set<string>()
  for (let round = 0; round < rounds; round++) {
    for (const contender of orderOfRound(contenders, round)) {
      progress(`round ${round + 1} of ${rounds}: ${contender.name}`)
      const server = await startServer(contender, folder, store.environment)
      try {
        answers.add(await answerOf(server))
        const figures = {} as Record<Method, Figures>
        // PUT first: it saves what GET reads.
        for (const method of METHODS.toReversed()) {
          await load(server, method, Math.min(WARM_UP_SECONDS, seconds))
          figures[method] = await load(server, method, seconds)
        }
        const sample: Sample = { ...figures, firstAnswerMs: server.firstAnswerMs }
        samples[contender.name] = [...(samples[contender.name] ?? []), sample]
      } finally {
        await server.stop()
      }
      if (answers.size > 1) throw new Error(`the answers differ: ${[...answers].join(' | ')}`)
    }
  }
  await store.stop()
  progress('')

  const rows = summarize(samples)
  const ratios = compare(samples)
  return {
    conditions: conditions(options, contenders),
    source: (await run(['git', '-C', root, 'rev-parse', 'HEAD:src'])).trim(),
    rows,
    ratios,
    targets: targets(rows, ratios, production),
  }
}

/** The order of a round: each contender gets every place in turn, so that none always follows the same one. */
function orderOfRound(contenders: Contender[], round: number): Contender[] {
  const first = round % contenders.length
  return [...contenders.slice(first), ...contenders.slice(0, first)]
}

function conditions({ rounds, seconds, production }: Options, contenders: Contender[]): string[] {
  return [
    `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Linux ${release()}`,
    production
      ? 'as in production: a cluster of three primaries, TLS, tokens for the service'
      : 'one Redis, no TLS, no tokens',
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'} in turn, ${seconds} s per method after a warm-up, ${CONNECTIONS} connections, ${USERS} users; medians`,
    ...contenders.map(({ name, what }) => `${name.padEnd(8)} ${what}`),
  ]
}

/** On standard error: one line that is redrawn on a terminal, plain lines elsewhere. */
function progress(line: string): void {
  const { stderr } = process
  if (stderr.isTTY) stderr.write(`\r\x1b[K${line}`)
  else if (line) stderr.write(`${line}\n`)
}
