import { join } from 'node:path'
import { local, service } from '../../service.ts'

const START_MS = 30_000
const STOP_MS = 10_000
const POLL_MS = 10

/** One release that serves on loopback; disposing of it stops it as systemd would. */
export interface Running extends AsyncDisposable {
  url: string
}

/** It did not start: an answer about its compatibility, in its own last words. */
export class DidNotStart extends Error {}

/** Starts the executable on a store; resolves when it is healthy. Throws `DidNotStart`. */
export async function startRelease(
  executable: string,
  folder: string,
  store: Record<string, string>,
): Promise<Running> {
  const port = freePort()
  const log = join(folder, `${port}.log`)
  const child = Bun.spawn([executable, ...local.arguments(port)], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...local.environment, ...store },
    stdin: 'ignore',
    stdout: Bun.file(log),
    stderr: Bun.file(`${log}.errors`),
  })
  const stop = async () => {
    child.kill('SIGTERM')
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await child.exited
    clearTimeout(kill)
  }
  const url = `http://127.0.0.1:${port}`
  try {
    await until('it is healthy', START_MS, async () => {
      if (child.exitCode !== null) throw new DidNotStart(`it exited with ${child.exitCode}`)
      const answer = await fetch(url + service.health.path).catch(() => undefined)
      return answer?.ok === true
    })
  } catch (error) {
    await stop()
    const words = (await Bun.file(`${log}.errors`).text()) || (await Bun.file(log).text())
    throw new DidNotStart(
      [(error as Error).message, words.trim().split('\n').at(-1)].filter(Boolean).join(': '),
    )
  }
  return { url, [Symbol.asyncDispose]: stop }
}

/** Resolves once `condition` is true. Throws what it throws, or after `ms`, that it was not so in time. */
export async function until(
  what: string,
  ms: number,
  condition: () => Promise<boolean>,
): Promise<void> {
  const end = performance.now() + ms
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${ms / 1000} s: ${what}`)
    await Bun.sleep(POLL_MS)
  }
}

const given = new Set<number>()

/** A port of loopback that nothing listens on now; each time another, since releases share a port without a word. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = probe
  probe.stop(true)
  if (given.has(port)) return freePort()
  given.add(port)
  return port
}
