import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { usageError } from '../cli/errors.ts'
import { fileProblem } from '../cli/files.ts'
import { printable } from '../cli/format.ts'
import type { HookRun, Stage } from '../receipt/receipt.ts'
import { service } from '../service.ts'

/** When an executable of somebody's own runs, by its name: docs/rollout.md says what each decides. */
export const STAGES: readonly Stage[] = ['before', 'first-instance', 'shipped', 'back']

/** The executables in a folder, by the stages that they are for. */
export interface HookFolder {
  folder: string
  stages: readonly Stage[]
}

/** Reads which stages a folder has executables for. Throws a usage error for one that would never run. */
export function readHooks(path: string): HookFolder {
  const folder = resolve(path)
  const stages: Stage[] = []
  for (const name of namesIn(folder)) {
    const stage = STAGES.find((each) => each === name)
    const file = join(folder, name)
    const runs = statSync(file).isFile() && isExecutable(file)
    if (stage && runs) stages.push(stage)
    else if (stage) throw usageError(`the hook ${file} is not executable: chmod +x it`)
    else if (runs)
      throw usageError(`${file} is the hook of no stage, which are ${STAGES.join(', ')}`)
  }
  if (stages.length === 0) throw usageError(`${folder} has no hook: ${STAGES.join(', ')}`)
  return { folder, stages }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    throw usageError(fileProblem(error) ?? `${folder}: ${(error as Error).message}`)
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export interface HookOptions {
  environment: Record<string, string>
  limitSeconds: number
  /** Kills it. */
  signal: AbortSignal
  /** Called with each line that it prints. */
  show(line: string): void
}

/** What is kept of its output, in characters, and how long what it has left behind may hold that open. */
const KEPT_CHARACTERS = 2000
const LEFT_BEHIND_MS = 1000

/** Runs the hook of a stage in a process group of its own, of which nothing is left. Never rejects. */
export async function runHook(
  folder: string,
  stage: Stage,
  { environment, limitSeconds, signal, show }: HookOptions,
): Promise<HookRun> {
  const began = Date.now()
  let output = ''
  const ended = (problem: string | undefined): HookRun => ({
    stage,
    problem,
    seconds: (Date.now() - began) / 1000,
    output: output.slice(-KEPT_CHARACTERS),
  })
  let child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  try {
    child = Bun.spawn([join(folder, stage)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
      detached: true,
    })
  } catch (error) {
    return ended(`cannot be run: ${(error as Error).message}`)
  }
  let killed: string | undefined
  const kill = (why?: string): void => {
    killed ??= why
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // Nothing is left of it.
    }
  }
  const timer = setTimeout(() => kill(`was killed after ${limitSeconds} s`), limitSeconds * 1000)
  const stop = (): void => kill('was stopped')
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  const readers = [child.stdout, child.stderr].map((stream) => stream.getReader())
  const reading = readers.map(async (reader) => {
    const decoder = new TextDecoder()
    let rest = ''
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const lines = (rest + printable(decoder.decode(read.value, { stream: true }))).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) print(line)
    }
    if (rest) print(rest)
  })
  const print = (line: string): void => {
    output = `${output}${line}\n`.slice(-2 * KEPT_CHARACTERS)
    show(`${stage}: ${line}`)
  }
  const code = await child.exited
  clearTimeout(timer)
  signal.removeEventListener('abort', stop)
  const why = killed ?? (code === 0 ? undefined : `ended with ${child.signalCode ?? code}`)
  kill()
  await Promise.race([Promise.all(reading), Bun.sleep(LEFT_BEHIND_MS)])
  for (const reader of readers) void reader.cancel()
  return ended(why)
}

/** What a hook is told of a rollout, in its environment. */
export interface HookFacts {
  group: string
  url: string | undefined
  release: string | undefined
  previousRelease: string | undefined
  ami: string | undefined
  /** Of `back`. */
  verdict?: string
  reason?: string
}

export type RunHook = (
  stage: Stage,
  environment: Record<string, string>,
  signal: AbortSignal,
) => Promise<HookRun>

/** The hooks of one rollout: each is run once at most, and the next waits for it. */
export class Hooks {
  readonly ran: HookRun[] = []
  /** Why the release is to be rolled back; undefined while no hook has failed. */
  blame: string | undefined
  private readonly begun = new Map<Stage, Promise<void>>()
  private last = Promise.resolve()
  private readonly stopped = new AbortController()

  constructor(
    private readonly stages: readonly Stage[],
    private readonly facts: HookFacts,
    private readonly runHook: RunHook,
    signal: AbortSignal,
  ) {
    signal.addEventListener('abort', () => this.stop())
  }

  /** Runs the hook of a stage, if there is one. Why one has failed until then; undefined: none has. */
  async run(
    stage: Stage,
    more: Pick<HookFacts, 'verdict' | 'reason'> = {},
  ): Promise<string | undefined> {
    if (this.stages.includes(stage) && !this.begun.has(stage)) {
      this.last = this.last.then(() => this.runNow(stage, more))
      this.begun.set(stage, this.last)
    }
    await this.begun.get(stage)
    return this.blame
  }

  /** Kills what runs, and lets none begin but `back`. */
  stop(): void {
    this.stopped.abort()
  }

  private async runNow(stage: Stage, more: Pick<HookFacts, 'verdict' | 'reason'>): Promise<void> {
    const isBack = stage === 'back'
    if (this.stopped.signal.aborted && !isBack) return
    const signal = isBack ? new AbortController().signal : this.stopped.signal
    const ran = await this.runHook(stage, environmentOf(stage, { ...this.facts, ...more }), signal)
    this.ran.push(ran)
    if (ran.problem !== undefined && !isBack) this.blame ??= `the hook ${stage} ${ran.problem}`
  }
}

/** `previousRelease` as HELLO_HOOK_PREVIOUS_RELEASE; what is not known is empty. */
const environmentOf = (stage: Stage, facts: HookFacts): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ stage, ...facts }).map(([name, value]) => [
      `${service.environmentPrefix}_HOOK_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`,
      value ?? '',
    ]),
  )
