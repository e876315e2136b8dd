import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { Stop } from '../../../../scripts/lib/cli/errors.ts'
import {
  cgroupProcesses,
  cgroupsNamed,
  removeCgroups,
} from '../../../../scripts/lib/image/cgroup.ts'
import { cgroupOf } from '../../../../scripts/lib/image/container.ts'
import { CONTAINER_PREFIX, type Place, REHEARSAL, RUN_FOLDER } from '../names.ts'

const PID_FILE = join(RUN_FOLDER, 'pid')
const NAMESPACES = '/run/netns'

/**
 * Makes this process the machine's only rehearsal, and removes what a killed one left. True if there was anything. Throws
 * if another is running.
 */
export async function claimMachine(): Promise<boolean> {
  const other = runningRehearsal()
  if (other) throw new Stop(`another rehearsal is running on this machine (process ${other})`)
  const found = await sweepAll()
  mkdirSync(RUN_FOLDER, { recursive: true })
  await Bun.write(PID_FILE, String(process.pid))
  return found
}

function runningRehearsal(): number | undefined {
  if (!existsSync(PID_FILE)) return undefined
  const pid = Number(readFileSync(PID_FILE, 'utf8'))
  const commandLine = join('/proc', String(pid), 'cmdline')
  if (pid === process.pid || !existsSync(commandLine)) return undefined
  return readFileSync(commandLine, 'utf8').includes('rehearsal/main.ts') ? pid : undefined
}

/** What rehearsals have on this machine. */
export function traces(): string[] {
  const namespaces = existsSync(NAMESPACES) ? readdirSync(NAMESPACES) : []
  return [
    ...cgroupsNamed(cgroupOf(CONTAINER_PREFIX)),
    ...namespaces.filter((name) => name.startsWith(REHEARSAL)),
    ...[RUN_FOLDER].filter(existsSync),
  ]
}

/** Stops and removes everything of every place. True if there was anything. */
export async function sweepAll(): Promise<boolean> {
  const found = traces()
  for (const name of found.filter((each) => existsSync(join(NAMESPACES, each)))) {
    await removeNamespace(name)
  }
  await removeContainers(CONTAINER_PREFIX)
  rmSync(RUN_FOLDER, { recursive: true, force: true })
  return found.length > 0
}

/** Stops and removes everything of one place. */
export async function sweep({ namespace, containers, folder }: Place): Promise<void> {
  await removeNamespace(namespace)
  await removeContainers(containers)
  rmSync(folder, { recursive: true, force: true })
}

async function removeContainers(prefix: string): Promise<void> {
  const names = cgroupsNamed(cgroupOf(prefix))
  for (const pid of names.flatMap(cgroupProcesses)) kill(pid)
  for (const name of names) await removeCgroups(name)
}

async function removeNamespace(name: string): Promise<void> {
  // Killed processes take a moment to disappear.
  for (let tries = 0; tries < 200; tries++) {
    const pids = await $`ip netns pids ${name}`.nothrow().quiet().text()
    if (pids === '') break
    for (const pid of pids.trim().split('\n')) kill(Number(pid))
    await Bun.sleep(50)
  }
  await $`ip netns delete ${name}`.nothrow().quiet()
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}
