import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { root } from '../../scripts/lib/paths.ts'
import advisories from '../../scripts/lib/sbom/advisories.json'
import type { AdvisoryList } from '../../scripts/lib/sbom/advisories.ts'
import { executable } from '../support/executable.ts'
import { sayWhatIsLeftOut } from '../support/left-out.ts'
import { temporaryFolder } from '../support/process.ts'

const DAY_MS = 86_400_000
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString()

const nothingKnown = advisories.asked === null ? 'run scripts/advisories --refresh' : undefined
sayWhatIsLeftOut('the check of this executable for known vulnerabilities', nothingKnown)

const BILL = {
  components: [
    { group: '@s', name: 'a', version: '1.2.3' },
    { name: 'b', version: '2.0.0-rc.1' },
    { name: 'c', version: '1.0.0' },
    { name: 'c', version: '2.0.0' },
  ],
}
const PACKAGES = { '@s/a': ['1.2.3'], b: ['2.0.0-rc.1'], c: ['1.0.0', '2.0.0'] }
const advisory = (vulnerable_versions: string) => ({
  url: 'https://github.com/advisories/GHSA-xxxx',
  title: 'Reads too much',
  severity: 'high',
  vulnerable_versions,
})

/** Runs scripts/advisories on a small bill of materials and `list`. */
async function check(list: AdvisoryList | undefined, ...options: string[]) {
  using folder = temporaryFolder()
  const paths = { sbom: join(folder.path, 'sbom.json'), list: join(folder.path, 'list.json') }
  writeFileSync(paths.sbom, JSON.stringify(BILL))
  if (list) writeFileSync(paths.list, JSON.stringify(list))
  const said = await run('--sbom', paths.sbom, '--list', paths.list, ...options)
  const kept = existsSync(paths.list) ? JSON.parse(readFileSync(paths.list, 'utf8')) : undefined
  return { ...said, kept }
}

async function run(...options: string[]) {
  const child = Bun.spawn([join(root, 'scripts/advisories'), ...options], {
    env: { ...process.env, NO_COLOR: '1' },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [exitCode, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  return { exitCode, stdout, stderr }
}

/** A stand-in for the registry. */
function registry(answer: (body: unknown) => Response) {
  const asked: { path: string; body: unknown }[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const body = await request.json()
      asked.push({ path: `${request.method} ${new URL(request.url).pathname}`, body })
      return answer(body)
    },
  })
  return { url: server.url.href, asked, [Symbol.dispose]: () => void server.stop(true) }
}

describe('the check of known vulnerabilities', () => {
  test.skipIf(nothingKnown !== undefined)(
    'knows of none in this executable, and says how old the list is',
    async () => {
      const { exitCode, stdout, stderr } = await run('--sbom', `${executable}.cdx.json`)
      console.log(stdout.trim())
      expect(stdout).toMatch(/^advisories of \d{4}-\d\d-\d\d, \d+ days? old\n/)
      expect(stdout).toMatch(/\n\d\d+ packages, none affected\n$/)
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    },
  )

  test('finds the versions in a range, and no other', async () => {
    const advisories = {
      '@s/a': [advisory('<1.2.3 || >=2.0.0')],
      b: [advisory('>=1.0.0 <2.0.0')],
      c: [advisory('>=2.0.0 <2.0.1')],
      other: [advisory('*')],
    }
    const { exitCode, stdout } = await check({
      asked: daysAgo(1.5),
      packages: PACKAGES,
      advisories,
    })
    expect(stdout).toBe(
      `advisories of ${daysAgo(1.5).slice(0, 10)}, 1 day old
affected: b 2.0.0-rc.1, high: Reads too much, https://github.com/advisories/GHSA-xxxx
affected: c 2.0.0, high: Reads too much, https://github.com/advisories/GHSA-xxxx
4 packages, 2 affected
`,
    )
    expect(exitCode).toBe(4)
  })

  test('warns of a list that is old, of one that does not cover all, and of an empty one', async () => {
    const list = { asked: daysAgo(31), packages: { '@s/a': ['1.2.3'] }, advisories: {} }
    const { exitCode, stdout } = await check(list)
    expect(stdout).toContain('31 days old\nwarning: that is old')
    expect(stdout).toContain('does not cover b 2.0.0-rc.1, c 1.0.0, c 2.0.0\n')
    expect(exitCode).toBe(0)
    const fresh = await check({ ...list, asked: daysAgo(30), packages: PACKAGES })
    expect(fresh.stdout).not.toContain('warning')
    const empty = await check({ asked: null, packages: {}, advisories: {} })
    expect(empty.stdout).toStartWith('warning: the list is empty')
    expect(empty.exitCode).toBe(0)
  })

  test('asks the registry about every version at once, and keeps what it says', async () => {
    const known = { ...advisory('<1.0.1'), id: 1, cwe: [] }
    using npm = registry(() => Response.json({ c: [known] }))
    const { exitCode, stdout, kept } = await check(undefined, '--refresh', '--registry', npm.url)
    expect(npm.asked).toEqual([{ path: 'POST /-/npm/v1/security/advisories/bulk', body: PACKAGES }])
    expect(stdout).toContain('0 days old\naffected: c 1.0.0, high')
    expect(exitCode).toBe(4)
    expect(kept).toEqual({
      asked: expect.any(String),
      packages: PACKAGES,
      advisories: { c: [advisory('<1.0.1')] },
    })
    const json = await check(kept, '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({
      days: 0,
      packages: 4,
      affected: [{ name: 'c', version: '1.0.0' }],
      uncovered: [],
    })
    expect(json.exitCode).toBe(4)
  })

  test.each([
    ['refuses', () => new Response('', { status: 405 }), 'got status 405, expected 200'],
    ['says something else', () => Response.json({ error: 'no' }), 'got no JSON object with lists'],
    ['sends a page', () => new Response('<html>'), 'got no JSON object with lists'],
  ])('leaves the list as it was when the registry %s', async (_, answer, reason) => {
    using npm = registry(answer)
    const list = { asked: daysAgo(3), packages: PACKAGES, advisories: {} }
    const { exitCode, stderr, kept } = await check(list, '--refresh', '--registry', npm.url)
    expect(stderr).toStartWith(
      `advisories: POST ${npm.url}-/npm/v1/security/advisories/bulk: ${reason}`,
    )
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(exitCode).toBe(1)
    expect(kept).toEqual(list)
  })

  test("reads what a clone of GitHub's database knows, as of its commit", async () => {
    using clone = temporaryFolder()
    const affects = (name: string, events: object[], more: object = {}) => ({
      package: { ecosystem: 'npm', name },
      ranges: [{ type: 'ECOSYSTEM', events }],
      ...more,
    })
    const always = { introduced: '0' }
    const database_specific = { last_known_affected_version_range: '<= 0.9.0' }
    const entries: Record<string, object> = {
      a: {
        affected: [
          affects('@s/a', [always, { fixed: '1.2.3' }]),
          affects('@s/a', [{ introduced: '1.3.0' }, { last_affected: '1.4.0' }]),
        ],
      },
      b: {
        affected: [
          affects('other', [always]),
          affects('b', [{ introduced: '1.0.0' }, { last_affected: '2.0.0' }]),
        ],
      },
      c: { affected: [affects('c', [always, { fixed: '1.0.1' }], { versions: ['2.0.0'] })] },
      d: { affected: [affects('c', [always], { database_specific })] },
      e: { affected: [affects('c', [always])], withdrawn: '2026-01-01T00:00:00Z' },
      f: { affected: [{ ...affects('c', [always]), package: { ecosystem: 'PyPI', name: 'c' } }] },
    }
    for (const [id, entry] of Object.entries(entries)) {
      const path = join(clone.path, `advisories/github-reviewed/2026/01/GHSA-${id}/GHSA-${id}.json`)
      const said = { id: `GHSA-${id}`, summary: id, database_specific: { severity: 'MODERATE' } }
      await Bun.write(path, JSON.stringify({ ...said, ...entry }))
    }
    const as = ['-c', 'user.name=test', '-c', 'user.email=test@localhost']
    const environment = { ...process.env, GIT_COMMITTER_DATE: daysAgo(2.5) }
    await $`git init --quiet && git add . && git ${as} commit --quiet --message all`
      .cwd(clone.path)
      .env(environment)

    const { exitCode, stdout, kept } = await check(undefined, '--from', clone.path)
    expect(stdout).toContain(', 2 days old\naffected: b 2.0.0-rc.1, moderate: b, https://')
    expect(stdout.match(/^affected: \S+ [^,]+/gm)).toEqual([
      'affected: b 2.0.0-rc.1',
      'affected: c 1.0.0',
      'affected: c 2.0.0',
    ])
    expect(exitCode).toBe(4)
    expect(kept.packages).toEqual(PACKAGES)
    expect(Object.keys(kept.advisories)).toEqual(['@s/a', 'b', 'c'])

    const none = await check(undefined, '--from', join(clone.path, 'advisories'))
    expect(none.stderr).toEndWith(' is no clone of https://github.com/github/advisory-database\n')
    expect(none.exitCode).toBe(1)
  })

  test('says what is missing', async () => {
    const none = await run('--sbom', '/nowhere/sbom.json')
    expect(none).toMatchObject({ exitCode: 1, stdout: '' })
    expect(none.stderr).toBe('advisories: there is no /nowhere/sbom.json: run scripts/build\n')
    expect((await check(undefined)).stderr).toContain('run scripts/advisories --refresh')
    using npm = registry(() => new Response())
    const { port } = new URL(npm.url)
    npm[Symbol.dispose]()
    const { exitCode, stderr } = await check(
      undefined,
      '--refresh',
      '--registry',
      `http://127.0.0.1:${port}`,
    )
    expect(stderr).toMatch(/^advisories: POST .*: .*; the list is as it was\n$/)
    expect(exitCode).toBe(1)
  })
})
