import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { root } from '../../../../scripts/lib/service.ts'

const folder = join(import.meta.dir, 'linearizability')
const executable = join(root, '.rehearsal', 'linearizability')

/** What porcupine says of the histories of all users; see linearizability/main.go. */
export interface Linearizability {
  users: number
  operations: number
  /** Users whose reads and writes fit no order. */
  violations: string[]
  /** Users whose history took too long to check. */
  undecided: string[]
}

/** Builds the checker, outside the namespace since Go fetches porcupine. Returns why it could not; undefined if it could. */
export async function buildChecker(): Promise<string | undefined> {
  if (!Bun.which('go')) return 'go is missing'
  const { exitCode, stderr } = await $`go build -o ${executable} .`.cwd(folder).nothrow().quiet()
  if (exitCode !== 0) return `go build failed: ${stderr.toString().trim().split('\n').at(-1)}`
  return undefined
}

/** Checks a file of operations; undefined if the checker was not built. */
export async function checkHistory(path: string): Promise<Linearizability | undefined> {
  if (!existsSync(executable)) return undefined
  return (await $`${executable} ${path}`.json()) as Linearizability
}
