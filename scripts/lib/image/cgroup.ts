import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'

/** Those with a cgroup.procs are mounted: the last with cgroup v2 only, the first two alongside v1. */
const ROOTS = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup']
const EMPTY_TIMEOUT_MS = 5_000

/** Makes a control group in each hierarchy; returns the paths of their cgroup.procs. */
export function makeCgroups(name: string): string[] {
  return ROOTS.filter((path) => existsSync(join(path, 'cgroup.procs'))).map((path) => {
    mkdirSync(join(path, name), { recursive: true })
    return join(path, name, 'cgroup.procs')
  })
}

/** The names of the control groups that begin with `prefix`. */
export function cgroupsNamed(prefix: string): string[] {
  const names = ROOTS.filter((root) => existsSync(root)).flatMap((root) =>
    readdirSync(root).filter((name) => name.startsWith(prefix)),
  )
  return [...new Set(names)]
}

/** The ids of the processes in the control groups of that name, and in those below. */
export function cgroupProcesses(name: string): number[] {
  return ROOTS.map((root) => join(root, name))
    .filter((path) => existsSync(path))
    .flatMap(processesBelow)
}

function processesBelow(path: string): number[] {
  try {
    const own = readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
    const folders = readdirSync(path, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )
    return [
      ...own.map(Number),
      ...folders.flatMap((entry) => processesBelow(join(path, entry.name))),
    ]
  } catch {
    return []
  }
}

/** Removes them once the last process has left, which may take a moment. */
export async function removeCgroups(name: string): Promise<void> {
  const deadline = Date.now() + EMPTY_TIMEOUT_MS
  for (const path of ROOTS.map((root) => join(root, name)).filter((path) => existsSync(path))) {
    while (!removeTree(path)) {
      if (Date.now() > deadline) throw new Error(`${path} still has processes`)
      await Bun.sleep(20)
    }
  }
}

function removeTree(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeTree(join(path, entry.name))) return false
    }
    rmdirSync(path)
    return true
  } catch {
    return false
  }
}
