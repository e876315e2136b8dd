import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/process.ts'
import type { Contender } from './contenders.ts'
import { onCores, owned } from './cores.ts'
import { PATH } from './requests.ts'
import type { Setup } from './setup.ts'

const START_TIMEOUT_MS = 10_000
const STOP_TIMEOUT_MS = 5_000
const POLL_MS = 1
/** In a row, on a connection each: then a worker that is not ready is missed less than once in a thousand starts. */
const ANSWERS_PER_WORKER = 8

export interface Server {
  /** One for each worker, or one for all of them. */
  pids: number[]
  url: string
  /** From the start of the process to its first success, in milliseconds. */
  firstAnswerMs: number
  stop(): Promise<void>
}

/**
 * Starts `contender` on the server's cores, with its output in a file; resolves when `request`, a round trip to the
 * store, has first succeeded.
 */
export async function startServer(
  contender: Contender,
  { cores, folder, store }: Setup,
  request: RequestInit,
): Promise<Server> {
  const port = freePort()
  const logFile = join(folder, `${contender.name}.log`)
  const log = openSync(logFile, 'w')
  const start = performance.now()
  const workers = contender.threads ? [cores.server] : cores.server.map((core) => [core])
  const children = workers.map((on) =>
    owned(
      Bun.spawn(onCores(on, contender.command(port)), {
        // The caller's environment must not configure a contender.
        env: {
          PATH: process.env.PATH ?? '',
          ...(contender.threads && { GOMAXPROCS: String(on.length) }),
          ...contender.environment,
          ...store.environment,
        },
        cwd: folder,
        stdin: 'ignore',
        stdout: log,
        stderr: log,
      }),
    ),
  )
  closeSync(log)
  const url = `http://127.0.0.1:${port}`
  const stop = async () => {
    for (const child of children) child.kill('SIGTERM')
    const kill = setTimeout(() => {
      for (const child of children) child.kill('SIGKILL')
    }, STOP_TIMEOUT_MS)
    await Promise.all(children.map((child) => child.exited))
    clearTimeout(kill)
  }
  let firstAnswerMs = 0
  // The kernel chooses which worker answers, and each must be ready.
  const wanted = children.length === 1 ? 1 : ANSWERS_PER_WORKER * children.length
  for (let inARow = 0; inARow < wanted; ) {
    if (await succeeds(url + PATH, request)) {
      firstAnswerMs ||= performance.now() - start
      inARow++
      continue
    }
    inARow = 0
    const waited = performance.now() - start
    if (children.some(({ exitCode }) => exitCode !== null) || waited > START_TIMEOUT_MS) {
      await stop()
      const output = await Bun.file(logFile).text()
      throw new Error(
        `${contender.name} did not answer ${request.method} ${PATH} successfully within ${Math.round(waited)} ms:\n${output}`,
      )
    }
    await Bun.sleep(POLL_MS)
  }
  return {
    pids: children.map(({ pid }) => pid),
    url,
    firstAnswerMs,
    stop,
  }
}

async function succeeds(url: string, request: RequestInit): Promise<boolean> {
  try {
    const response = await fetch(url, { ...request, keepalive: false })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}
