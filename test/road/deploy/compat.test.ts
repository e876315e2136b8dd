import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  makeHistory,
  PHASES,
  type Step,
  shorten,
} from '../../../scripts/lib/release/compat/history.ts'
import { play } from '../../../scripts/lib/release/compat/play.ts'
import { randomOf } from '../../../scripts/lib/release/compat/random.ts'
import { root, service } from '../../../scripts/lib/service.ts'
import { run } from '../../lab/support/command.ts'
import fc from '../../lab/support/fast-check.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { compatible, incompatible, steps } from './compat/changes.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

/** An "executable": this tree's service with a planted change. */
function executableWith(change: string): string {
  const path = join(mkdtempSync(join(folder.path, 'change-')), 'service')
  const words = [process.execPath, join(import.meta.dir, 'compat/variant.ts'), change]
  writeFileSync(path, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')} "$@"\n`)
  chmodSync(path, 0o755)
  return path
}

const present = executableWith('nothing')

/** What breaks when a release with this change follows one with the `former`, on SQLite; undefined if nothing does. */
async function breakOf(change: string, former = 'nothing'): Promise<string | undefined> {
  const home = mkdtempSync(join(folder.path, 'home-'))
  const store = join(home, 'state')
  mkdirSync(store)
  const broken = await play(
    {
      executables: { old: executableWith(former), new: executableWith(change) },
      folder: home,
      store: { STATE_DIRECTORY: store },
    },
    makeHistory(randomOf(1)),
    'Compat',
  )
  return broken?.what
}

/** All of them start some hundred processes. */
const TIMEOUT_MS = 600_000

describe('twenty incompatible changes are caught', () => {
  test.concurrent.each(Object.keys(incompatible))(
    '%s',
    async (change) => {
      expect(await breakOf(change)).toBeString()
    },
    TIMEOUT_MS,
  )
})

describe('twenty compatible changes are not refused', () => {
  test.concurrent.each(Object.keys(compatible))(
    '%s',
    async (change) => {
      expect(await breakOf(change)).toBeUndefined()
    },
    TIMEOUT_MS,
  )
})

describe('a format that changes in three releases', () => {
  const [first = '', second = '', third = ''] = Object.keys(steps)

  test.concurrent.each([
    ['nothing', first],
    [first, second],
    [second, third],
  ])(
    '%s, then %s: never breaks',
    async (former, change) => {
      expect(await breakOf(change, former)).toBeUndefined()
    },
    TIMEOUT_MS,
  )

  test.concurrent.each([
    ['nothing', second],
    [first, third],
  ])(
    '%s, then %s at once: breaks',
    async (former, change) => {
      expect(await breakOf(change, former)).toBeString()
    },
    TIMEOUT_MS,
  )
})

test('there are twenty of each', () => {
  expect(Object.keys(incompatible).length).toBeGreaterThanOrEqual(20)
  expect(Object.keys(compatible).length).toBeGreaterThanOrEqual(20)
})

test('a history is the same for a seed, asks only who runs, and reads every key at the end of each phase', () => {
  const history = makeHistory(randomOf(7))
  expect(makeHistory(randomOf(7))).toEqual(history)
  expect(makeHistory(randomOf(8))).not.toEqual(history)
  for (const { phase, by } of history) expect(PHASES[phase]).toContain(by)
  const keys = new Set(history.map(({ key }) => key)).size
  for (const phase of PHASES.keys()) {
    const last = history.filter((step) => step.phase === phase).slice(-keys)
    expect(last.map(({ kind }) => kind)).toEqual(Array(keys).fill('read'))
    expect(new Set(last.map(({ key }) => key)).size).toBe(keys)
  }
})

test('the shortest history has just the steps that it takes', async () => {
  const step = (key: number): Step => ({ phase: 0, by: 'old', kind: 'write', key, value: 0 })
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.uniqueArray(fc.nat({ max: 59 }), { minLength: 1, maxLength: 4 }),
      async (length, wanted) => {
        const needed = [...new Set(wanted.map((key) => key % length))].toSorted((a, b) => a - b)
        const history = Array.from({ length }, (_, key) => step(key))
        const shortest = await shorten(history, async (part) =>
          needed.every((key) => part.some((each) => each.key === key)),
        )
        expect(shortest.map(({ key }) => key)).toEqual(needed)
      },
    ),
  )
})

const compat = (words: string[]) =>
  run([join(root, 'scripts/compat'), ...words], { cwd: folder.path })

describe('scripts/compat', () => {
  test(
    'names the shortest history that shows what broke, and how to play it again, and exits with 4',
    async () => {
      const next = executableWith('another format')
      const { code, out } = await compat([present, next, '--store', 'sqlite', '--seed', '3'])
      expect(code).toBe(4)
      const lines = out.trim().split('\n')
      expect(lines[0]).toStartWith(
        `incompatible  ${present} -> ${next} on sqlite, history 1 of seed 3`,
      )
      const steps = lines.filter((line) => line.startsWith('  phase'))
      expect(steps).toHaveLength(2)
      expect(steps[0]).toMatch(/^ {2}phase \d, new: PUT /)
      expect(steps[1]).toMatch(/^ {2}phase \d, old: GET /)
      expect(lines.at(-1)).toBe(
        `again: scripts/compat ${present} ${next} --store sqlite --seed 3 --histories 1`,
      )
    },
    TIMEOUT_MS,
  )

  test(
    'a release that does not start is incompatible, in its own last words',
    async () => {
      const dead = join(folder.path, 'dead')
      writeFileSync(dead, '#!/bin/sh\necho "cannot read this" >&2\nexit 7\n')
      chmodSync(dead, 0o755)
      const { code, out } = await compat([present, dead, '--store', 'sqlite', '--json'])
      expect(code).toBe(4)
      expect(JSON.parse(out).broken.what).toBe(
        'the new release does not start: it exited with 7: cannot read this',
      )
    },
    TIMEOUT_MS,
  )

  test.each([
    [
      ['nowhere'],
      1,
      "compat: got 'nowhere', expected a commit, a tag, a branch, or the path of an",
    ],
    [['a', 'b', 'c'], 2, "compat: 'c' is one argument too many"],
    [['--store', 'mysql'], 2, 'compat: --store needs some of sqlite, redis, cluster, separated by'],
    [['--seed', 'x'], 2, "compat: --seed needs a whole number from 0 to 2000000000, got 'x'"],
  ])('%j exits with %d and says what it wants', async (words, code, message) => {
    const ran = await compat(words)
    expect([ran.code, ran.out]).toEqual([code, ''])
    expect(ran.err).toStartWith(message)
  })

  test('finds the deployed release by itself, or that there is none', async () => {
    const { code, out } = await compat([])
    expect([code, out]).toEqual([0, 'nothing is deployed: nothing to be compatible with\n'])
  })
})

test.skipIf(!Bun.which('redis-server'))(
  `the executable is compatible with itself on every store`,
  async () => {
    const executable = join(root, `dist/${service.name}-linux-${process.arch}`)
    const { code, out } = await compat([executable, executable, '--histories', '1'])
    expect(out).toContain('1 histories each on sqlite, redis, cluster')
    expect(code).toBe(0)
  },
  TIMEOUT_MS,
)
