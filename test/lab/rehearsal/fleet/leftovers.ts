import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { Stop } from '../../../../scripts/lib/cli/errors.ts'
import {
  cgroupProcesses,
  cgroupsNamed,
  removeCgroups,
} from '../../../../scripts/lib/image/cgroup.ts'
import { cgroupOf } from '../../../../scripts/lib/image/container.ts'
import { CONTAINER_PREFIX, NAMESPACE, RUN_FOLDER } from '../names.ts'

const PID_FILE = join(RUN_FOLDER, 'pid')

/** Throws if another rehearsal is running on this machine. */
export function claimMachine(): void {
  const other = runningRehearsal()
  if (other) throw new Stop(`another rehearsal is running on this machine (process ${other})`)
}

export async function noteProcess(): Promise<void> {
  await Bun.write(PID_FILE, String(process.pid))
}

function runningRehearsal(): number | undefined {
  if (!existsSync(PID_FILE)) return undefined
  const pid = Number(readFileSync(PID_FILE, 'utf8'))
  const commandLine = join('/proc', String(pid), 'cmdline')
  if (pid === process.pid || !existsSync(commandLine)) return undefined
  return readFileSync(commandLine, 'utf8').includes('rehearsal/main.ts') ? pid : undefined
}

/** Stops and removes everything of a rehearsal, this one or one that was killed. True if there was anything. */
export async function sweep(): Promise<boolean> {
  const names = cgroupsNamed(cgroupOf(CONTAINER_PREFIX))
  const found = names.length > 0 || existsSync(join('/run/netns', NAMESPACE))
  for (const pid of [...(await namespacePids()), ...names.flatMap(cgroupProcesses)]) kill(pid)
  for (const name of names) await removeCgroups(name)
  if (existsSync(join('/run/netns', NAMESPACE))) {
    // Killed processes take a moment to disappear.
    for (let tries = 0; (await namespacePids()).length > 0 && tries < 100; tries++) {
      for (const pid of await namespacePids()) kill(pid)
      await Bun.sleep(50)
    }
    await $`ip netns delete ${NAMESPACE}`.quiet()
  }
  rmSync(RUN_FOLDER, { recursive: true, force: true })
  return found
}

async function namespacePids(): Promise<number[]> {
  const { stdout } = await $`ip netns pids ${NAMESPACE}`.nothrow().quiet()
  return stdout.toString().split('\n').filter(Boolean).map(Number)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}
