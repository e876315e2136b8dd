import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'

/** Those with a cgroup.procs are mounted: the last where there is cgroup v2 alone, the first two beside v1. */
const ROOTS = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup']
const EMPTY_TIMEOUT_MS = 5_000

/** A control group in each hierarchy; the paths of their cgroup.procs. */
export function makeCgroups(name: string): string[] {
  return ROOTS.filter((path) => existsSync(join(path, 'cgroup.procs'))).map((path) => {
    mkdirSync(join(path, name), { recursive: true })
    return join(path, name, 'cgroup.procs')
  })
}

/** Removes them again when the last process has left, which may take a moment. */
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
