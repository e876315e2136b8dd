import { readFileSync } from 'node:fs'

/** Which core runs what; the load must never take from the server. */
export const SERVER_CORE = 0
export const LOAD_CORE = 1

/** USER_HZ, which Linux fixes at 100 for what it shows in /proc. */
const TICKS_PER_SECOND = 100

/** `command` held to one core. taskset becomes the command, so the pid is the command's. */
export function onCore(core: number, command: readonly string[]): string[] {
  return ['taskset', '--cpu-list', String(core), ...command]
}

/** User and system time of all threads of `pid`, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in brackets, may hold blanks; utime and stime are the 12th and 13th fields after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory of `pid`, in bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
}

/** How long `core` has been idle since boot, in seconds, waiting for a disk included. */
export function idleSeconds(core: number): number {
  const line = readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`cpu${core} `))
  const [, , , , idle, iowait] = line?.split(' ') ?? []
  return (Number(idle) + Number(iowait)) / TICKS_PER_SECOND
}

/** Runs a command to its end; throws with its output when it fails. */
export async function run(command: string[], cwd?: string): Promise<string> {
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe', ...(cwd && { cwd }) })
  const [output, errors, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (status !== 0) {
    throw new Error(`${command.join(' ')} ended with ${status}:\n${errors}${output}`.trimEnd())
  }
  return output
}

/** A port of the loopback interface that nothing listens on just now. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = listener
  listener.stop(true)
  return port
}
