import type { SpawnOptions } from 'bun'

export interface Ran {
  code: number
  out: string
  err: string
  /** Standard output, then standard error. */
  output: string
}

interface How {
  cwd?: string
  /** The whole environment; this process's by default. */
  env?: Record<string, string | undefined>
  stdin?: Blob
}

type Child = Bun.Subprocess<SpawnOptions.Writable, 'pipe', 'pipe'>

/** Waits for a process to exit; returns its exit code and output. */
export async function ended(child: Child): Promise<Ran> {
  const [out, err, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  return { code, out, err, output: out + err }
}

/** Runs a command to completion, whatever its exit code. */
export function run(command: string[], { cwd, env, stdin }: How = {}): Promise<Ran> {
  return ended(
    Bun.spawn(command, {
      ...(cwd && { cwd }),
      ...(env && { env }),
      stdin: stdin ?? 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    }),
  )
}

/** Runs a command to completion; throws what it printed unless it exits with 0. */
export async function succeed(command: string[], how: How = {}): Promise<Ran> {
  const ran = await run(command, how)
  if (ran.code !== 0) throw new Error(`${command.join(' ')} failed:\n${ran.output}`)
  return ran
}
