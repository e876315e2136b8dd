/** Which core runs what; the load must never take CPU time from the server. */
export const SERVER_CORE = 0
export const LOAD_CORE = 1

/** `command` pinned to one core. taskset becomes the command, so the pid is the command's. */
export function onCore(core: number, command: readonly string[]): string[] {
  return ['taskset', '--cpu-list', String(core), ...command]
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
export async function run(command: string[], cwd?: string): Promise<string> {
  const child = owned(Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe', ...(cwd && { cwd }) }))
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
