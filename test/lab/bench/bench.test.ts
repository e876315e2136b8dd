import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../support/left-out.ts'
import { eventually } from '../support/process.ts'
import { CONTENDERS } from './contenders.ts'
import { compare, doubts, type Sample, summarize, targets } from './figures.ts'
import type { Figures } from './load.ts'
import { plot } from './plot.ts'
import { type Report, withTables } from './report.ts'

/** A round with the same figures for GET and PUT. */
function sample(figures: Partial<Figures> = {}, firstAnswerMs = 50): Sample {
  const all: Figures = {
    requestsPerSecond: 50_000,
    failures: 0,
    p50Ms: 1,
    p99Ms: 3,
    cpuMicros: 20,
    coreShare: 0.99,
    residentBytes: 80e6,
    executableBytes: 50e6,
    ...figures,
  }
  return { GET: all, PUT: all, firstAnswerMs }
}

const missed = (samples: Parameters<typeof summarize>[0], production: boolean): string[] =>
  targets(summarize(samples), compare(samples), production)
    .filter(({ missedBy }) => missedBy > 0)
    .map(({ target }) => target)

test('a ratio is the median of the ratios within each round, not the ratio of the medians', () => {
  const slow = { requestsPerSecond: 10_000 }
  const [ratio] = compare({
    service: [sample(), sample(slow), sample()],
    gin: [sample({ requestsPerSecond: 25_000 }), sample(slow), sample(slow)],
  })
  expect(ratio?.requestsPerSecond).toBe(2)
})

test('with one Redis the CPU of the limit is the target, in production requests of the peers', () => {
  const samples = {
    service: [sample({ cpuMicros: 20 })],
    gin: [sample({ requestsPerSecond: 31_250 })],
    rueidis: [sample({ requestsPerSecond: 46_000 })],
    limit: [sample({ cpuMicros: 16.3 })],
  }
  expect(missed(samples, false)).toEqual(["GET: CPU at most 1.2 x the limit's"])
  expect(missed(samples, true)).toEqual([
    "GET: 1.1 x rueidis's requests/s",
    "PUT: 1.1 x rueidis's requests/s",
  ])
})

test('memory and the start are judged of the service alone', () => {
  const service = [sample({ residentBytes: 101e6 }, 121)]
  const gin = [sample({ requestsPerSecond: 1, residentBytes: 900e6 }, 900)]
  expect(missed({ service, gin }, true)).toEqual([
    'below 100 MB resident at full load',
    'first 200 within 120 ms',
  ])
  expect(missed({ gin }, true)).toEqual([])
})

test('a server that did not have its core to itself is doubted, and one that failed requests', () => {
  const rows = summarize({
    gin: [sample({ coreShare: 0.5 })],
    limit: [sample(), sample({ failures: 2 }), sample()],
    service: [sample()],
  })
  expect(doubts(rows)).toHaveLength(4)
  expect(doubts(rows)[0]).toStartWith('GET gin had 50 % of its core')
  expect(doubts(rows)[2]).toBe('GET limit: 2 requests of a round failed')
})

test('the longest bar is that of the largest figure, and each has its figure', () => {
  const picture = plot(
    summarize({ service: [sample()], gin: [sample({ requestsPerSecond: 25_000 })] }),
  )
  expect(picture.match(/<rect /g)).toHaveLength(2 * 3 * 2)
  expect(picture).toContain('class="service" x="130" y="28" width="550.0"')
  expect(picture).toContain('width="275.0"')
  expect(picture).toContain('>25,000<')
})

test('the tables of the README are those of the figures', async () => {
  const path = (name: string) => join(import.meta.dir, name)
  const readme = await Bun.file(path('README.md')).text()
  const reports = Object.fromEntries(
    await Promise.all(
      ['one-redis', 'production'].map(async (name) => [
        name,
        (await Bun.file(path(`figures/${name}.json`)).json()) as Report,
      ]),
    ),
  )
  expect(withTables(readme, reports)).toBe(readme)
  const source = Bun.spawnSync(['git', '-C', root, 'rev-parse', 'HEAD:src']).stdout.toString()
  for (const [name, report] of Object.entries(reports)) {
    const isCurrent = source.trim() === (report as Report).source
    sayWhatIsLeftOut(
      `figures/${name}.json of the code in src`,
      isCurrent ? undefined : 'src has changed since: scripts/bench --record measures it',
    )
  }
})

/** Runs scripts/bench with a temporary folder of its own and returns what is left in it, files and processes. */
async function bench(words: string[], { signalAfter }: { signalAfter?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
  const child = Bun.spawn([join(root, 'scripts/bench'), ...words], {
    env: { ...process.env, TMPDIR: folder },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  let stderr = ''
  const readErrors = async () => {
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      stderr += chunk
      if (signalAfter && stderr.includes(signalAfter)) child.kill('SIGTERM')
    }
  }
  const [stdout, status] = await Promise.all([child.stdout.text(), child.exited, readErrors()])
  // A process just killed may take a moment to go.
  await eventually('no process is left', () => processesIn(folder).length === 0)
  const left = readdirSync(folder)
  rmSync(folder, { recursive: true })
  return { status, stdout, stderr, left }
}

/** Redis and the servers run in the folder. */
const processesIn = (folder: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
    } catch {
      return false
    }
  })

test.each([
  [['--fast'], "Unknown option '--fast'"],
  [['--rounds', '0'], "--rounds needs a whole number from 1 to 100, got '0'"],
  [['--only', 'gin,rust'], `--only needs some of ${CONTENDERS.join(', ')}`],
])('%p is refused with the reason, and exit code 2', async (words, reason) => {
  const { status, stdout, stderr } = await bench(words)
  expect(status).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toStartWith(`bench: ${reason}`)
  expect(stderr).toEndWith(' (scripts/bench --help)\n')
})

const cannotMeasure =
  process.platform !== 'linux' || availableParallelism() < 2
    ? 'needs Linux and two cores'
    : undefined
sayWhatIsLeftOut('a short run of the benchmark', cannotMeasure)

describe.skipIf(cannotMeasure !== undefined)('on two cores', () => {
  test('a short run as in production measures every contender, whose answers are the same, and leaves nothing behind', async () => {
    const { status, stdout, stderr, left } = await bench([
      ...['--production', '--rounds', '1', '--seconds', '1', '--json'],
    ])
    expect(stderr).toContain('round 1 of 1: service')
    expect(status).toBe(0)
    const { rows } = JSON.parse(stdout) as Report
    expect(rows).toHaveLength(2 * CONTENDERS.length)
    for (const row of rows) {
      expect(row.requestsPerSecond).toBeGreaterThan(10)
      expect(row.cpuMicros).toBeGreaterThan(1)
      expect(row.residentBytes).toBeGreaterThan(row.executableBytes)
      expect(row.firstAnswerMs).toBeGreaterThan(1)
    }
    expect(left).toEqual([])
  }, 600_000)

  test('on SIGTERM it stops what it started', async () => {
    const { status, left } = await bench(['--only', 'service', '--seconds', '60'], {
      signalAfter: 'round 1',
    })
    expect(status).toBe(130)
    expect(left).toEqual([])
  }, 60_000)
})
