import { config, name } from '../package.json'
import { LABEL, SCOPES, type Scope } from './config/tokens.ts'

const DEFAULT_PORT = config.port
const DEFAULT_ENVIRONMENT = 'local'
const ENVIRONMENT_PATTERN = /^[a-z][a-z0-9-]{0,31}$/

const FORMS = [
  ['[PORT] [ENVIRONMENT]', `serve (${DEFAULT_PORT}, ${DEFAULT_ENVIRONMENT})`],
  [
    'healthcheck [PORT]',
    'request /hc from the service on this machine; exit 0 when healthy, else 1',
  ],
  [
    'token [SCOPE] [LABEL]',
    'create a token (write, or read) and the TOKENS entry that configures it',
  ],
  ['config', 'check the environment and print the effective settings'],
  ['export [--from P]', 'print all records of the store as JSON lines, from the position P'],
  ['import [--from P]', 'read such lines from standard input into the store'],
  ['backup FILE', 'copy the SQLite store into a new file, while the service serves'],
  ['sbom | licenses', 'print what this executable contains (CycloneDX), or its licences'],
  ['--help | --version', ''],
]

export const USAGE = `usage: ${FORMS.map(([form = '', text]) => `${name} ${form.padEnd(22)}${text}`.trimEnd()).join('\n       ')}

Settings come from the environment; see src/README.md or ${name} config.
Exit codes: 0 done, or stopped on request, 1 failed, 2 wrong usage, 78 invalid settings.`

export type Command =
  | { verb: 'serve' | 'healthcheck' | 'config'; port: number; environment: string }
  | { verb: 'token'; scope: Scope; label?: string }
  | { verb: 'export' | 'import'; from?: string }
  | { verb: 'backup'; file: string }
  | { verb: 'help' | 'version' | 'sbom' | 'licenses' }
  | { verb: 'usage'; reason: string }

/** Parses the words after the command. */
export function parseCommand(words: readonly string[]): Command {
  const [first, second] = words
  const most = (count: number, command: () => Command): Command =>
    words.length > count ? usage(`got ${words[count]}, expected nothing there`) : command()
  switch (first) {
    case '--help':
    case '-h':
      return most(1, () => ({ verb: 'help' }))
    case '--version':
      return most(1, () => ({ verb: 'version' }))
    case 'sbom':
    case 'licenses':
      return most(1, () => ({ verb: first }))
    case 'token':
      return most(3, () => newToken(second, words[2]))
    case 'export':
    case 'import':
      return most(3, () => fromPosition(first, second, words[2]))
    case 'backup':
      return most(2, () =>
        second
          ? { verb: 'backup', file: second }
          : usage('got no file, expected the name of a new one'),
      )
    case 'config':
      return most(3, () => withPort('config', second, words[2]))
    case 'healthcheck':
      return most(2, () => withPort('healthcheck', second))
    default:
      return most(2, () => withPort('serve', first, second))
  }
}

function newToken(word = 'write', label?: string): Command {
  const scope = SCOPES.find((name) => name === word)
  if (!scope) return usage(`got the scope ${word}, expected read or write`)
  if (label === undefined) return { verb: 'token', scope }
  if (!LABEL.pattern.test(label)) return usage(`got the label ${label}, expected ${LABEL.wants}`)
  return { verb: 'token', scope, label }
}

function fromPosition(verb: 'export' | 'import', option?: string, from?: string): Command {
  if (option === undefined) return { verb }
  if (option !== '--from') return usage(`got ${option}, expected --from or nothing`)
  return from ? { verb, from } : usage('got nothing after --from, expected a position')
}

function withPort(
  verb: 'serve' | 'healthcheck' | 'config',
  word = String(DEFAULT_PORT),
  environment = DEFAULT_ENVIRONMENT,
): Command {
  const port = /^\d{1,5}$/.test(word) ? Number(word) : Number.NaN
  if (!(port <= 65535)) return usage(`got ${word}, expected a command or a port from 0 to 65535`)
  if (!ENVIRONMENT_PATTERN.test(environment)) {
    return usage(`got the environment ${environment}, expected a name such as local or production`)
  }
  return { verb, port, environment }
}

function usage(reason: string): Command {
  return { verb: 'usage', reason }
}
