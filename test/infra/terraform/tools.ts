import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cache, run } from './workspace.ts'

/** Installs a tool of PyPI into a virtual environment of its own; the path of its command. */
export async function pythonTool(name: string, version: string): Promise<string> {
  const folder = join(cache, `${name}-${version}`)
  const command = join(folder, 'bin', name)
  if (existsSync(command)) return command
  mkdirSync(cache, { recursive: true })
  await must(['python3', '-m', 'venv', folder])
  await must([join(folder, 'bin/pip'), 'install', '--quiet', `${name}==${version}`])
  return command
}

/** Builds a tool from its Go module; the path of its command. */
export async function goTool(name: string, module: string, version: string): Promise<string> {
  const folder = join(cache, `${name}-${version}`)
  const command = join(folder, name)
  if (existsSync(command)) return command
  mkdirSync(folder, { recursive: true })
  await must(['go', 'install', `${module}@${version}`], { GOBIN: folder })
  return command
}

async function must(command: string[], env: Record<string, string> = {}): Promise<void> {
  const { status, output } = await run(command, cache, env)
  if (status !== 0) throw new Error(`${command.join(' ')} failed:\n${output}`)
}
