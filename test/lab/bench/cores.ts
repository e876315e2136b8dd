import { availableParallelism } from 'node:os'

/** Which cores run what. The load takes CPU time from the server only where there are no cores left for it. */
export interface Cores {
  server: readonly number[]
  load: readonly number[]
}

/** One core for each worker of the server, the others for the load; if none is left, the last one for both. */
export function assignCores(workers: number, cores = availableParallelism()): Cores {
  const all = Array.from({ length: cores }, (_, core) => core)
  return { server: all.slice(0, workers), load: all.slice(Math.min(workers, cores - 1)) }
}

/** `command` pinned to `cores`. taskset becomes the command, so the pid is the command's. */
export function onCores(cores: readonly number[], command: readonly string[]): string[] {
  return ['taskset', '--cpu-list', cores.join(), ...command]
}

const running = new Set<Bun.Subprocess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Makes sure that `child` ends with this process, however that ends. */
export function owned<Child extends Bun.Subprocess>(child: Child): Child {
  running.add(child)
  void child.exited.then(() => running.delete(child))
  return child
}

/** Runs a command to completion; throws with its output when it fails. */
export async function run(
  command: string[],
  { cwd, env }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const child = owned(
    Bun.spawn(command, {
      ...{ stdout: 'pipe', stderr: 'pipe', env: { ...process.env, ...env } },
      ...(cwd && { cwd }),
    }),
  )
  const [output, errors, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (status !== 0) {
    throw new Error(`${command.join(' ')} exited with ${status}:\n${errors}${output}`.trimEnd())
  }
  return output
}
