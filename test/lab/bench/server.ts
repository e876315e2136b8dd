import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/process.ts'
import type { Contender } from './contenders.ts'
import { PATH, READ, type Running, SAVE } from './load.ts'
import { onServerCore, owned } from './machine.ts'

const START_TIMEOUT_MS = 10_000
const STOP_TIMEOUT_MS = 5_000
const POLL_MS = 1

export interface Server extends Running {
  /** From the start of the process to its first successful round trip to the store, in milliseconds. */
  firstAnswerMs: number
  stop(): Promise<void>
}

/** Starts `contender` on its core, with its output in a file of `folder`; resolves when it answers from the store. */
export async function startServer(
  contender: Contender,
  folder: string,
  store: Record<string, string>,
): Promise<Server> {
  const port = freePort()
  const logFile = join(folder, `${contender.name}.log`)
  const log = openSync(logFile, 'w')
  const start = performance.now()
  const child = owned(
    Bun.spawn(onServerCore(contender.command(port)), {
      // The caller's environment must not configure a contender.
      env: { PATH: process.env.PATH ?? '', ...contender.environment, ...store },
      cwd: folder,
      stdin: 'ignore',
      stdout: log,
      stderr: log,
    }),
  )
  closeSync(log)
  const url = `http://127.0.0.1:${port}`
  const stop = async () => {
    child.kill('SIGTERM')
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await child.exited
    clearTimeout(kill)
  }
  // The first of all contenders finds an empty store.
  while (!(await succeeds(url + PATH, READ)) && !(await succeeds(url + PATH, SAVE))) {
    const waited = performance.now() - start
    if (child.exitCode !== null || waited > START_TIMEOUT_MS) {
      await stop()
      const output = await Bun.file(logFile).text()
      throw new Error(`no answer to ${PATH} within ${Math.round(waited)} ms:\n${output}`)
    }
    await Bun.sleep(POLL_MS)
  }
  return { pid: child.pid, url, firstAnswerMs: performance.now() - start, stop }
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
