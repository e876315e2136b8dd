import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { $ } from 'bun'
import { name } from '../../../package.json'
import { root } from '../../../scripts/lib/service.ts'
import { cloneTo } from '../../lab/support/clone.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { offline } from '../../lab/support/terraform.ts'

/** Has a hyphen, and no word that occurs in this tree. */
const NAME = 'team-notes'
const TIMEOUT_MS = 900_000
const PYTHON_TOOLS = 'test/.cache/python'

/** Where the domain is, and nowhere else. */
const PLACES = ['src/domain', 'scripts/lib/domain', 'test/service/domain']

const folder = temporaryFolder()
const clone = join(folder.path, 'clone')
afterAll(() => folder[Symbol.dispose]())

const cannotBake =
  process.getuid?.() === 0 && process.platform === 'linux' && Bun.which('packer')
    ? undefined
    : 'needs root on Linux, and Packer'
sayWhatIsLeftOut(`a bake as ${NAME}`, cannotBake)

const cannotRehearse = cannotBake ?? (process.env.ADOPT_REHEARSE ? undefined : 'not asked for')
sayWhatIsLeftOut(
  `a rehearsal as ${NAME}: ADOPT_REHEARSE=1 asks for it, which takes minutes`,
  cannotRehearse,
)

/** Puts the notes beside this file in the place of birthdays; the page keeps its style and its icon. */
function replaceDomain(): void {
  for (const place of PLACES) {
    for (const path of new Bun.Glob(`${place}/**`).scanSync(clone))
      if (!/\.(css|svg)$/.test(path)) rmSync(join(clone, path))
  }
  const notes = join(import.meta.dir, 'notes')
  for (const path of new Bun.Glob('**').scanSync(notes)) {
    // Here, a file with the name of a test would be run as one.
    const to = join(clone, path.replace(/^(test\/.*)\.ts$/, '$1.test.ts'))
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(join(notes, path), to)
  }
}

/** What of scripts/test knows the name, or sends requests of the domain. */
const PARTS = [
  ...['check', 'unit', 'http', 'binary/cli', 'binary/listeners', 'binary/stop'],
  ...['deploy/smoke', 'deploy/compat', 'deploy/rollout-refusals', 'deploy/secrets'],
  ...['terraform/terraform', 'terraform/instance'],
]

/** Runs a command in the clone; fails with the end of its output unless it exits with 0. */
async function succeeds(...words: string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await $`${words}`.cwd(clone).nothrow().quiet()
  const said = `${stdout}${stderr}`.trimEnd().split('\n').slice(-40).join('\n')
  expect(exitCode === 0 ? '' : said).toBe('')
}

describe(`a clone adopted as ${NAME}`, () => {
  beforeAll(async () => {
    await cloneTo(clone)
    // Tools and base images are the same under any name, and take minutes to get.
    mkdirSync(join(clone, 'packer/.images'))
    mkdirSync(join(clone, PYTHON_TOOLS), { recursive: true })
    // Each tool by itself: one that is installed through a link has this clone's path in it, and ends with it.
    const tools = new Bun.Glob('*/.installed').scanSync({
      cwd: join(root, PYTHON_TOOLS),
      dot: true,
    })
    for (const tool of Array.from(tools, dirname))
      symlinkSync(join(root, PYTHON_TOOLS, tool), join(clone, PYTHON_TOOLS, tool))
    // Made by an earlier bake, if there was one.
    const images = join(root, 'packer/.images')
    mkdirSync(images, { recursive: true })
    for (const base of new Bun.Glob('debian-*.tar').scanSync(images)) {
      symlinkSync(join(root, 'packer/.images', base), join(clone, 'packer/.images', base))
    }
    // Where the Terraform registry cannot be reached, its provider is next to the repository.
    const beside = join(dirname(offline), '..')
    if (existsSync(beside)) symlinkSync(beside, join(folder.path, basename(beside)))
    await $`git config user.name test && git config user.email test@example.com`.cwd(clone)
    await succeeds('scripts/adopt', NAME)
    await succeeds('git', 'commit', '--quiet', '--all', '--message', 'Adopt')
    replaceDomain()
    await succeeds('git', 'add', '--all')
    await succeeds('git', 'commit', '--quiet', '--message', 'Keep notes')
  }, TIMEOUT_MS)

  test('has another domain, for which nothing outside of its places has changed', async () => {
    const changed = await $`git diff --name-only HEAD~`.cwd(clone).text()
    const elsewhere = changed
      .trim()
      .split('\n')
      .filter((path) => !PLACES.some((place) => path.startsWith(`${place}/`)))
    expect(elsewhere).toEqual([])
  })

  test('has the former name only in prose', async () => {
    const found = await $`git grep -n -i -w -e ${name} -- ':!*.md' ':!test/road/adopt'`.cwd(clone)
    // Redis has a command of this name.
    const left = found
      .text()
      .split('\n')
      .filter((line) => line && !/\+hello |\bHELLO\b|\\nhello\b|'hello'[\])]/.test(line))
    expect(left).toEqual([])
    // Of prose, what somebody would copy.
    const commands = `^# ${name}$|${'`'}${name} [a-z[-]+|/${name}/(provenance|production)|(alias/|packer )${name}|~${name}:|\\b${name}\\.db`
    const documents = await $`git grep -n -E -e ${commands} -- ${'*.md'}`
      .cwd(clone)
      .nothrow()
      .text()
    expect(documents).toBe('')
  })

  test(
    'passes the tests that know its name or its domain',
    async () => await succeeds('scripts/test', ...PARTS),
    TIMEOUT_MS,
  )

  test.skipIf(cannotBake !== undefined)(
    'is baked into an image that serves it',
    async () => {
      await succeeds('scripts/build')
      await succeeds('scripts/bake', '--local')
    },
    TIMEOUT_MS,
  )

  test.skipIf(cannotRehearse !== undefined)(
    'drops no request in a rehearsal',
    async () => await succeeds('scripts/rehearse'),
    TIMEOUT_MS,
  )
})

test.each([
  [[], "got ''"],
  [['TeamNotes'], "got 'TeamNotes'"],
  [['team_notes'], "got 'team_notes'"],
  [['a', 'b'], "got 'a b'"],
])('scripts/adopt %j exits with 2 and says what it expects', async (words, got) => {
  const { exitCode, stderr } = await $`scripts/adopt ${words}`.cwd(root).nothrow().quiet()
  expect(exitCode).toBe(2)
  expect(stderr.toString()).toBe(
    `adopt: ${got}, expected a NAME of lower-case letters, digits and hyphens, from a letter to a letter or digit, 2 to 20 in all (scripts/adopt --help)\n`,
  )
})

test('scripts/adopt refuses the name that it has', async () => {
  const { exitCode, stderr } = await $`scripts/adopt ${name}`.cwd(root).nothrow().quiet()
  expect([exitCode, stderr.toString()]).toEqual([1, `adopt: it is called ${name} already\n`])
})
