import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { nearest } from '../../../scripts/lib/cli/nearest.ts'
import { root, service } from '../../../scripts/lib/service.ts'
import { run } from '../../lab/support/command.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { PATIENCE_MS, runScript } from '../deploy/fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

const COMMANDS = readdirSync(join(root, 'scripts/lib/commands')).map((file) => file.slice(0, -3))

describe('a slip', () => {
  test.each([
    ['rollout', ['rolback'], "there is no verb 'rolback', did you mean rollback?"],
    ['ops', ['stauts'], "there is no verb 'stauts', did you mean status?"],
    ['ops', ['reboot'], "there is no verb 'reboot' ("],
    ['ops', ['status', '--grup', 'x'], "Unknown option '--grup', did you mean --group?"],
    ['deploy', ['--palm'], "Unknown option '--palm', did you mean --plan?"],
    ['completions', ['bahs'], "there is no verb 'bahs', did you mean bash?"],
  ])('as in scripts/%s %j gets the nearest word, if one is near', async (name, words, sentence) => {
    const { code, err } = await runScript(name, words)
    expect(code).toBe(2)
    expect(err).toContain(sentence)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
  })

  test.each([
    ['gruop', 'group'],
    ['grou', 'group'],
    ['groupp', 'group'],
    ['x', undefined],
    ['anything', undefined],
  ])('%s is nearest to %s', (given, word) => {
    expect(nearest(given, ['group', 'region', 'reason'])).toBe(word)
  })
})

describe('a wrong value', () => {
  test.each<[string, string[], number, string]>([
    ['gc', ['--keep', '-1'], 2, "--keep needs a whole number from 1 to 1000, got '-1'"],
    ['gc', ['--older-than', '-5'], 2, "--older-than needs a number from 0 to 1000000000, got '-5'"],
    ['ops', ['logs', '--lines', '-3'], 2, '--lines needs a whole number from 1 to 99999'],
    ['verify', ['nope.json'], 1, 'nope.json does not exist'],
    ['verify', [`${root}/package.json`], 1, 'is no receipt of scripts/rollout'],
    ['verify', ['main', '--trusted', root], 1, `${root} is a folder, not a file`],
    ['verify', ['main', '--trusted', `${root}/README.md`], 1, 'README.md is not JSON'],
    ['verify', ['main', '--source', '/proc/self'], 1, '/proc/self is no clone of a repository'],
    ['bump', ['--list', '--region', 'x', '--file', root], 1, `${root} is a folder, not a file`],
    ['gc', ['--region', 'x', '--file', root], 1, 'AWS'],
    [
      'rollout',
      ['watch', '--receipt', 'x', '--receipt-key', '/nowhere'],
      1,
      '/nowhere does not exist',
    ],
    ['bake', ['--builder', 'x', '--key', '/nowhere'], 1, '/nowhere does not exist'],
  ])(
    'as in scripts/%s %j gets one line, and exit code %d',
    async (name, words, exitCode, sentence) => {
      const env = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_MAX_ATTEMPTS: '1' }
      const { code, err } = await runScript(name, words, {
        ...env,
        AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      })
      expect(err).toContain(sentence)
      expect(err.trimEnd().split('\n')).toHaveLength(1)
      expect(code).toBe(exitCode)
    },
  )
})

describe('help', () => {
  test.each([...COMMANDS, 'adopt', 'bench', 'build', 'check', 'smoke', 'start', 'test'])(
    'of scripts/%s is printed by -h',
    async (name) => {
      const [short, long] = [await runScript(name, ['-h']), await runScript(name, ['--help'])]
      expect(short).toEqual(long)
      expect(short.code).toBe(0)
      expect(short.out).toStartWith(`usage: scripts/${name}`)
      if (COMMANDS.includes(name)) expect(short.out).toContain(`\n  scripts/${name}`)
    },
  )

  test('of one verb says nothing of the others', async () => {
    const { out } = await runScript('ops', ['logs', '--help'])
    expect(out).toStartWith('usage: scripts/ops logs [-f] [INSTANCE…] [options]\n\n')
    expect(out).toContain('--lines')
    expect(out).toContain('scripts/ops logs -f')
    expect(out).not.toMatch(/--out|--unspaced|restart|drain/)
  })
})

test('--version says the commit of the scripts', async () => {
  const commit = (await run(['git', '-C', root, 'rev-parse', '--short=12', 'HEAD'])).out.trim()
  const { out, code } = await runScript('ops', ['--version'])
  expect(out).toMatch(new RegExp(`^ops ${commit}(-dirty)?\n$`))
  expect(code).toBe(0)
})

test('without a clone, a script that names commits says so in one line', async () => {
  using folder = temporaryFolder()
  const tree = join(folder.path, 'tree')
  mkdirSync(tree)
  for (const each of ['package.json', 'bun.lock', 'scripts', 'src']) {
    cpSync(join(root, each), join(tree, each), { recursive: true, preserveTimestamps: true })
  }
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  const env = { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env.PATH}` }
  for (const [name, ...words] of [
    ['build'],
    ['bake', '--arch', 'arm64'],
    ['verify', 'main', '--offline'],
    ['adopt', 'team-notes'],
    ['ops', '--version'],
  ]) {
    const { code, err } = await run([join(tree, 'scripts', name as string), ...words], { env })
    expect(err).toContain('git clone')
    expect(err.trimEnd().split('\n')).toHaveLength(1)
    expect(code).toBe(1)
  }
})

const noZsh = Bun.which('zsh') ? undefined : 'there is no zsh'
sayWhatIsLeftOut('completions in Zsh', noZsh)

describe('completions', () => {
  const completed = async (...words: string[]): Promise<string[]> => {
    const { out } = await runScript('completions', ['bash'])
    const steps = `${out}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length - 1}
_${service.name.replaceAll('-', '_')}_scripts
printf '%s\\n' "\${COMPREPLY[@]}"`
    const ran = await run(['bash', '-c', steps])
    expect(ran.err).toBe('')
    return ran.out.trim().split('\n')
  }

  test.each([
    [['scripts/rollout', 'ro'], ['rollback']],
    [
      ['./scripts/deploy', '--arch', ''],
      ['x64', 'arm64'],
    ],
    [['scripts/ops', '--un'], ['--unspaced']],
    [['scripts/build', '--a'], ['--arch']],
    [['scripts/verify', '--trusted', join(root, 'package.j')], [join(root, 'package.json')]],
  ])('of %j are %j', async (words, expected) => {
    expect(await completed(...words)).toEqual(expected)
  })

  test.skipIf(noZsh !== undefined)('in Zsh say what each word means', async () => {
    const { out } = await runScript('completions', ['zsh'])
    const steps = (line: string, current: number) => `compdef() { }
_describe() { print -rl -- "\${(@P)2}" }
${out}
words=(${line}) CURRENT=${current}
_${service.name.replaceAll('-', '_')}_scripts`
    const completed = async (line: string, current: number): Promise<string> => {
      const ran = await run(['zsh', '-f', '-c', steps(line, current)])
      expect(ran.err).toBe('')
      return ran.out
    }
    expect(await completed('scripts/ops re', 2)).toContain(
      'replace:end an instance, once another serves in its place\n',
    )
    expect(await completed('./scripts/deploy --arch x', 3)).toBe('x64\narm64\n')
  })
})
