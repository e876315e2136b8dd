/** Runs tests side by side, each file in a process of its own: what scripts/test does. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { temporaryFolder } from '../support/process.ts'
import { cache } from '../support/tools.ts'
import { usage } from './help.ts'
import { type Job, jobsByDefault, jobsOf, repeat } from './jobs.ts'
import { provide } from './needs.ts'
import { broken, missing, type Outcome, ofCheck, ofTests } from './outcome.ts'
import { PARTS } from './parts.ts'
import { turns } from './turns.ts'

const FAILED = 1
const WRONG_USAGE = 2
const INCOMPLETE = 3

const words = process.argv.slice(2)
if (words.includes('--help') || words.includes('-h')) {
  console.log(usage())
  process.exit()
}
const byDefault = words.length === 0
const jobs = byDefault ? jobsByDefault() : jobsAsked()

function jobsAsked(): Job[] {
  const asked = words.flatMap((word) => (word === '--all' ? Object.keys(PARTS) : [word]))
  const found = asked.flatMap((word) => {
    const jobs = jobsOf(word)
    if (jobs) return jobs
    const expected = `--all, ${Object.keys(PARTS).join(', ')}, or PART/FILE`
    console.error(`test: got '${word}', expected ${expected} (scripts/test --help)`)
    return process.exit(WRONG_USAGE)
  })
  return [...new Map(found.map((job) => [job.name, job])).values()]
}

const startedAt = performance.now()
const secondsSince = (time: number) => Math.round((performance.now() - time) / 1000)

/** How long each job took here the last time. */
const TIMES = join(cache, 'seconds.json')
const times: Record<string, number> = existsSync(TIMES)
  ? JSON.parse(readFileSync(TIMES, 'utf8'))
  : {}
const expected = (job: Job) => times[job.name] ?? job.seconds

const logs = join(cache, 'logs')
mkdirSync(logs, { recursive: true })
// Removed at the end, with whatever killed tools left in it.
const folder = temporaryFolder()
const running = new Set<Bun.Subprocess>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill('SIGKILL')
    folder[Symbol.dispose]()
    process.exit(FAILED)
  })
}

const need = provide([...new Set(jobs.flatMap(({ needs }) => needs))])
const outcomes = new Map<Job, Outcome>()

async function run(job: Job): Promise<Outcome> {
  const log = join(logs, `${job.name.replaceAll(/\W+/g, '-')}.log`)
  const isCheck = job.files.length === 0
  const command = isCheck
    ? ['scripts/check']
    : [process.execPath, 'test', '--timeout', '60000', ...job.files.map((file) => `./${file}`)]
  writeFileSync(log, '')
  // Through a file, not a pipe, which a process left behind by a failed test would keep open.
  const child = Bun.spawn(['bash', '-c', 'exec "$@" >"$0" 2>&1', log, ...command], {
    cwd: root,
    env: { ...process.env, TMPDIR: folder.path, NO_COLOR: '1', ...job.environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  running.add(child)
  if (jobs.length === 1) {
    const follow = ['tail', `--pid=${child.pid}`, '-s', '0.2', '-n', '+1', '-f', log]
    await Bun.spawn(follow, { stdio: ['ignore', 'inherit', 'ignore'] }).exited
  }
  const code = await child.exited
  running.delete(child)
  return (isCheck ? ofCheck : ofTests)(code, readFileSync(log, 'utf8'))
}

/** Runs a job once what it needs is there, and its turn has come. */
async function attempt(job: Job, turn: (expected: number) => Promise<Disposable>): Promise<void> {
  let outcome: Outcome
  let took = 0
  try {
    const reasons = await Promise.all(job.needs.map(need))
    const reason = reasons.find((each) => each !== undefined)
    using _ = await turn(expected(job))
    const since = performance.now()
    outcome = reason === undefined ? await run(job) : missing(reason)
    took = secondsSince(since)
    if (reason === undefined) times[job.name] = took
  } catch (error) {
    outcome = broken(String(error))
  }
  outcomes.set(job, outcome)
  const ofPart = jobs.filter(({ part }) => part === job.part)
  const done = ofPart.filter((each) => outcomes.has(each)).length
  const { passed, failed, skipped } = outcome
  const counts = [
    `${passed} passed`,
    ...(failed > 0 ? [`${failed} FAILED`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ]
  console.log(
    `${`${job.part} ${done}/${ofPart.length}`.padEnd(17)} ${job.name}: ${counts.join(', ')}, ${took} s`,
  )
}

for (const alone of [false, true]) {
  // One more than there are cores: many wait for something most of the time.
  const turn = turns(alone ? 1 : availableParallelism() + 1)
  const some = jobs.filter((job) => job.alone === alone)
  some.sort((one, other) => expected(other) - expected(one))
  await Promise.all(some.map((job) => attempt(job, turn)))
}
folder[Symbol.dispose]()
writeFileSync(TIMES, JSON.stringify(times))

const took = secondsSince(startedAt)
console.log(`\ntook ${Math.floor(took / 60)} min ${took % 60} s`)
for (const [job, { leftOut }] of outcomes)
  for (const each of leftOut) console.log(`left out: ${job.name}: ${each}`)
for (const [job, { failure }] of outcomes) {
  if (failure !== undefined)
    console.log(`\nfailed: ${job.name}\n${failure}\nto repeat: scripts/test ${repeat(job)}`)
}
if (byDefault) {
  const [partly, not] = [Array.isArray, (value: unknown) => value === undefined].map((is) =>
    Object.keys(PARTS).filter((name) => is(PARTS[name]?.byDefault)),
  )
  console.log(
    `not run: most of ${partly?.join(', ')}; ${not?.join(', ')}. scripts/test --all runs everything.`,
  )
}
const sum = (of: 'passed' | 'failed' | 'skipped') =>
  [...outcomes.values()].reduce((count, outcome) => count + outcome[of], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
const incomplete = [...outcomes.values()].some(
  (outcome) => outcome.missing || (byDefault && outcome.skipped > 0),
)
process.exit(sum('failed') > 0 ? FAILED : incomplete ? INCOMPLETE : 0)
