import { describe, expect, test } from 'bun:test'
import { basename, join } from 'node:path'
import { usage } from '../../lab/run/help.ts'
import { jobsByDefault, jobsOf, repeat } from '../../lab/run/jobs.ts'
import { ofTests } from '../../lab/run/outcome.ts'
import { PARTS } from '../../lab/run/parts.ts'
import { turns } from '../../lab/run/turns.ts'
import { run } from '../../lab/support/command.ts'
import { temporaryFolder } from '../../lab/support/process.ts'

describe('the parts of scripts/test', () => {
  test('have files, and name no file that is not there', () => {
    for (const [name, { files = [], also = {}, byDefault }] of Object.entries(PARTS)) {
      const jobs = jobsOf(name) ?? []
      expect(jobs.length, name).toBeGreaterThan(0)
      if (files.length > 0) expect(jobs, name).toHaveLength(files.length)
      const own = jobs.flatMap((job) => job.files.map((path) => basename(path, '.test.ts')))
      const named = [...Object.keys(also), ...(Array.isArray(byDefault) ? byDefault : [])]
      expect(own, name).toEqual(expect.arrayContaining(named))
    }
  })

  test('are together all test files, each once', () => {
    const own = Object.entries(PARTS).filter(([, { files }]) => !files)
    const found = own.flatMap(([name]) => (jobsOf(name) ?? []).flatMap(({ files }) => files))
    const all = [...new Bun.Glob('test/*/**/*.test.ts').scanSync()]
    expect(found.sort()).toEqual(all.sort())
  })

  test('are in the help, with what they need', () => {
    for (const name of Object.keys(PARTS)) expect(usage()).toMatch(new RegExp(`^ +${name} `, 'm'))
    expect(usage()).toMatch(/^ +store .*\n +\d+ s; needs Redis\b/m)
  })

  test('need by default neither root nor what a newcomer has to install from elsewhere, but for three files with Terraform', () => {
    const needs = (need: string) =>
      jobsByDefault().filter((job) => job.needs.some((each) => each === need))
    expect(needs('root')).toEqual([])
    expect(needs('go')).toEqual([])
    expect(needs('terraform').map(({ name }) => name)).toEqual([
      'deploy/deploy',
      'deploy/doctor-plan',
      'deploy/permissions',
    ])
  })

  test('are repeated by their name, and for another architecture with its environment', () => {
    expect(jobsOf('binary/stop')?.map(repeat)).toEqual(['binary/stop'])
    const emulated = jobsOf('arm64')?.find(({ name }) => name.includes('binary/stop'))
    expect(emulated && repeat(emulated)).toContain(
      'TEST_ARCH=arm64 bun test test/service/binary/stop.test.ts',
    )
    for (const word of ['nonsense', 'unit/nonsense', 'check/unit', ''])
      expect(jobsOf(word)).toBeUndefined()
  })
})

describe('the outcome of a test run', () => {
  const LOG = `bun test
left out: tflint: no Go
(pass) one
error: expect(received).toBe(expected)
Received: 1
(fail) two [0.1ms]
(pass) three

1 tests failed:
(fail) two [0.1ms]

 2 pass
 1 skip
 1 fail
`
  test('counts, and shows of the log only what failed', () => {
    expect(ofTests(1, LOG)).toEqual({
      passed: 2,
      failed: 1,
      skipped: 1,
      leftOut: ['tflint: no Go'],
      failure: 'error: expect(received).toBe(expected)\nReceived: 1\n(fail) two [0.1ms]',
    })
  })

  test.each([
    ["Bun.spawn(['/nowhere'])", "ENOENT: no such file or directory, posix_spawn '/nowhere'"],
    ["throw new TypeError('wrong')", 'TypeError: wrong'],
    ["await Promise.reject('no error')", 'error: no error'],
    ['expect(1).toBe(2)', 'error: expect(received).toBe(expected)'],
    ['await new Promise(() => {})', 'timed out'],
  ])('says why a test failed that did %s', async (statement, why) => {
    using folder = temporaryFolder()
    for (const [name, text] of [
      ['test', `test('one', async () => { ${statement} })`],
      ['hook', `beforeAll(async () => { ${statement} }); test('one', () => {})`],
    ] as const) {
      await Bun.write(
        join(folder.path, `${name}.test.ts`),
        `import { beforeAll, expect, test } from 'bun:test'\n${text}\n`,
      )
      const command = [process.execPath, 'test', '--timeout', '1000', `./${name}.test.ts`]
      const { code, output } = await run(command, { cwd: folder.path })
      expect(ofTests(code, output).failure).toContain(why)
    }
  })

  test('is a failure when the run crashed, and shows its end', () => {
    const { failed, failure } = ofTests(137, 'bun test\n(pass) one\nout of memory\n')
    expect(failed).toBe(1)
    expect(failure).toEndWith('out of memory')
  })

  test('stays readable when hundreds fail', () => {
    const failed = Array.from({ length: 400 }, (_, index) => `error: ${index}\n(fail) ${index}\n`)
    const { failure = '' } = ofTests(1, `${failed.join('')}\n 400 fail\n`)
    expect(failure.split('\n')).toHaveLength(81)
    expect(failure).toEndWith('… and 720 lines more')
  })
})

test('as many run at once as there is room for, the longest first', async () => {
  const turn = turns(2)
  const began: number[] = []
  let most = 0
  let now = 0
  const run = async (expected: number) => {
    using _ = await turn(expected)
    began.push(expected)
    most = Math.max(most, ++now)
    await new Promise(setImmediate)
    now--
  }
  await Promise.all([1, 2, 3, 4, 5].map(run))
  expect(began).toEqual([1, 2, 5, 4, 3])
  expect(most).toBe(2)
})
