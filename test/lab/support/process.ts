import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Subprocess } from 'bun'
import { name } from '../../../package.json'

/** A folder that is removed when `using` goes out of scope. */
export function temporaryFolder(parent = tmpdir()): Disposable & { path: string } {
  const path = mkdtempSync(join(parent, `${name}-test-`))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A port of 127.0.0.1 that is free at the moment. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = probe
  probe.stop(true)
  return port
}

/** Waits until `condition` holds, checking every `everyMs`; after `withinMs` throws an error that names `what`. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | false | undefined> | T | false | undefined,
  { withinMs = 10_000, everyMs = 25 } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs
  let last: unknown
  while (performance.now() < deadline) {
    try {
      const result = await condition()
      if (result !== false && result !== undefined) return result
    } catch (error) {
      last = error
    }
    await Bun.sleep(everyMs)
  }
  throw new Error(`not within ${withinMs} ms: ${what}${last ? ` (${last})` : ''}`)
}

/** Kills a child process, suspended or not, and waits for it to exit. */
export async function end(child: Subprocess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal)
  await child.exited
}
