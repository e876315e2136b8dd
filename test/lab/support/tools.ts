import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { succeed } from './command.ts'

export const cache = join(root, 'test/.cache')

/** Installs a tool from PyPI into its own virtual environment; returns the path of its command. */
export async function pythonTool(name: string, version: string): Promise<string> {
  const pip = 'source scripts/lib/shell/python.sh && python_tool "$1" "$2"'
  await install(['bash', '-c', pip, 'bash', name, version], { root })
  return join(cache, 'python', `${name}-${version}`, 'bin', name)
}

/** Builds a tool from its Go module; returns the path of its command. */
export async function goTool(name: string, module: string, version: string): Promise<string> {
  const folder = join(cache, `${name}-${version}`)
  const command = join(folder, name)
  if (existsSync(command)) return command
  mkdirSync(folder, { recursive: true })
  await install(['go', 'install', `${module}@${version}`], { GOBIN: folder })
  return command
}

/** Runs a command that installs something, in one process at a time; throws what it printed if it fails. */
export async function install(command: string[], env: Record<string, string> = {}): Promise<void> {
  mkdirSync(cache, { recursive: true })
  const alone = Bun.which('flock') ? ['flock', join(cache, '.installing')] : []
  await succeed([...alone, ...command], { cwd: root, env: { ...process.env, ...env } })
}
