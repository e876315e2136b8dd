import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** The contender's core. Store, load and this script are on the others. */
const SERVER_CORE = 0
const OTHER_CORES = `1-${availableParallelism() - 1}`

/** USER_HZ, which Linux fixes at 100 for what it shows in /proc. */
const TICKS_PER_SECOND = 100

/** `command` on the contender's core, or on the others. taskset becomes the command, so the pid is the command's. */
export const onServerCore = (command: string[]): string[] => pinned(String(SERVER_CORE), command)
export const onOtherCores = (command: string[]): string[] => pinned(OTHER_CORES, command)

const pinned = (cores: string, command: string[]): string[] => [
  ...['taskset', '--cpu-list', cores],
  ...command,
]

/** Keeps this script off the contender's core from now on. */
export const leaveServerCore = (): Promise<string> =>
  run(['taskset', '-acp', OTHER_CORES, String(process.pid)])

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

/** Runs a command to completion, with `input`; throws with its output when it fails. */
export async function run(command: string[], cwd = '.', input = ''): Promise<string> {
  const stdin = new Blob([input])
  const child = owned(Bun.spawn(command, { cwd, stdin, stdout: 'pipe', stderr: 'pipe' }))
  const [output, errors, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  if (status !== 0) {
    throw new Error(`${command.join(' ')} exited with ${status}:\n${errors}${output}`.trimEnd())
  }
  return output
}

/** User and system time of all threads of `pid`, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in brackets, may contain spaces; utime and stime are the 12th and 13th fields after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory in bytes: all of it, and what of it are pages of the executable and its libraries. */
export function memoryOf(pid: number): { resident: number; files: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const bytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { resident: bytes('VmRSS'), files: bytes('RssFile') }
}
