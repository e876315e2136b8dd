import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../support/left-out.ts'
import { temporaryFolder } from '../support/process.ts'
import type { Latency } from './fixed-rate.ts'

/** Runs scripts/bench with a temporary folder of its own and returns what is left in it, files and processes. */
async function bench(words: string[], { signalAfter }: { signalAfter?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
  const child = Bun.spawn([join(root, 'scripts/bench'), ...words], {
    env: { ...process.env, TMPDIR: folder },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const decoder = new TextDecoder()
  let stderr = ''
  const [stdout] = await Promise.all([
    new Response(child.stdout).text(),
    (async () => {
      for await (const chunk of child.stderr) {
        stderr += decoder.decode(chunk)
        if (signalAfter && stderr.includes(signalAfter)) {
          await Bun.sleep(500)
          child.kill('SIGTERM')
        }
      }
    })(),
  ])
  const status = await child.exited
  const left = [...readdirSync(folder), ...(await processesIn(folder))]
  rmSync(folder, { recursive: true })
  return { status, stdout, stderr, left }
}

/** Redis and the servers run in the folder; a process just killed may take a moment to go. */
async function processesIn(folder: string): Promise<string[]> {
  const running = () =>
    readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
      } catch {
        return false
      }
    })
  for (let tries = 0; running().length > 0 && tries < 20; tries++) await Bun.sleep(50)
  return running()
}

test('--help prints to standard output', async () => {
  const { status, stdout } = await bench(['--help'])
  expect(status).toBe(0)
  expect(stdout).toStartWith('usage: scripts/bench')
})

test.each([
  [['--fast'], "Unknown option '--fast'"],
  [['--rounds', '0'], "--rounds needs a whole number from 1 to 100, got '0'"],
  [['--seconds'], "Option '--seconds <value>' argument missing"],
  [
    ['--only', 'gin,rust'],
    '--only needs some of service, gin, plain, floor, single, native, native-single, separated by commas, got',
  ],
  [['--production', '--sqlite'], '--production is Redis: leave out it or --sqlite'],
  [['--wait-replicas', '1'], '--wait-replicas needs --production'],
  [
    ['--production', '--only', 'native'],
    "--only needs some of service, gin, plain, floor, single here: native uses Bun's client, which knows no cluster",
  ],
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
  test('a short run, as in production with replicas, measures maximum, fixed rates and memory, and leaves nothing behind', async () => {
    using figures = temporaryFolder()
    const picture = join(figures.path, 'figures.svg')
    const { status, stdout, stderr, left } = await bench([
      ...['--production', '--wait-replicas', '1', '--only', 'floor', '--rounds', '1'],
      ...['--seconds', '1', '--latency', '--soak', '2', '--users', '2000', '--plot', picture],
      '--json',
    ])
    expect(stderr).toContain('round 1 of 1: floor')
    expect(status).toBe(0)
    const { rows, samples, latencies, soaks } = JSON.parse(stdout)
    expect(rows.map((row: { method: string }) => row.method)).toEqual(['GET', 'PUT'])
    for (const row of rows) {
      expect(row.requestsPerSecond).toBeGreaterThan(100)
      expect(row.p99Ms).toBeGreaterThanOrEqual(row.p50Ms)
      expect(row.cpuMicrosPerRequest).toBeGreaterThan(1)
      expect(row.residentBytes).toBeGreaterThan(10e6)
      expect(row.firstAnswerMs).toBeGreaterThan(1)
    }
    expect(samples.floor).toHaveLength(1)
    expect(latencies.map(({ share }: Latency) => share)).toEqual([0.25, 0.5, 0.75, 0.25, 0.5, 0.75])
    for (const { method, share, requestsPerSecond, p50Ms, p999Ms } of latencies as Latency[]) {
      const maximum = samples.floor[0][method].requestsPerSecond
      expect(requestsPerSecond).toBeLessThan(maximum * share * 1.01)
      expect(p999Ms).toBeGreaterThan(p50Ms)
    }
    expect(soaks).toMatchObject([{ contender: 'floor', seconds: 2 }])
    expect(readFileSync(picture, 'utf8').match(/<rect /g)).toHaveLength(2 * (3 + 3))
    expect(left).toEqual([])
  }, 60_000)

  test('the embedded store is measured beside what the disk syncs', async () => {
    const { status, stdout, left } = await bench([
      ...['--sqlite', '--rounds', '1', '--seconds', '1', '--json'],
    ])
    expect(status).toBe(0)
    const { rows, targets, conditions } = JSON.parse(stdout)
    expect(rows.map((row: { contender: string }) => row.contender)).toEqual(['service', 'service'])
    expect(conditions[0]).toBe('scripts/bench --sqlite --rounds 1 --seconds 1 --json')
    expect(conditions.join()).toMatch(/the disk syncs \d+ writes a second/)
    expect(targets[0].target).toStartWith('10000 durable PUT/s')
    expect(left).toEqual([])
  }, 60_000)

  test('on SIGTERM it stops what it started, both workers, too', async () => {
    const { status, left } = await bench(['--only', 'floor', '--workers', '2', '--seconds', '60'], {
      signalAfter: 'round 1',
    })
    expect(status).toBe(130)
    expect(left).toEqual([])
  }, 60_000)
})
