import type { CanaryRequest } from '../../service.ts'
import { Model, PHASES, type Side, type Step } from './history.ts'
import { DidNotStart, type Running, startRelease } from './process.ts'

/** What went wrong, and with which step of the history; undefined: a release did not start. */
export interface Break {
  at: Step | undefined
  what: string
}

export interface Stage {
  executables: Record<Side, string>
  /** For logs. */
  folder: string
  /** What tells a release of the store. */
  store: Record<string, string>
}

/** Plays a history under keys that begin with `word`; returns the first wrong answer, undefined if all are right. */
export async function play(
  stage: Stage,
  history: Step[],
  word: string,
): Promise<Break | undefined> {
  const model = new Model(word)
  for (const [phase, sides] of PHASES.entries()) {
    const steps = history.filter((step) => step.phase === phase)
    if (steps.length === 0) continue
    await using stack = new AsyncDisposableStack()
    const running = new Map<Side, Running>()
    for (const side of sides) {
      try {
        const { executables, folder, store } = stage
        running.set(side, stack.use(await startRelease(executables[side], folder, store)))
      } catch (error) {
        if (!(error instanceof DidNotStart)) throw error
        return { at: undefined, what: `the ${side} release does not start: ${error.message}` }
      }
    }
    for (const step of steps) {
      const what = await ask(running.get(step.by) as Running, model.requestOf(step))
      if (what) return { at: step, what }
    }
  }
  return undefined
}

/** What is wrong with the answer; undefined if nothing is. */
async function ask({ url }: Running, request: CanaryRequest): Promise<string | undefined> {
  const { method, path, body, status, isRight } = request
  const sentAt = new Date()
  const init = body ? { body, headers: { 'Content-Type': 'application/json' } } : {}
  try {
    const response = await fetch(url + path, { method, ...init })
    const text = await response.text()
    if (response.status !== status) {
      return `got ${response.status}, expected ${status}: ${text.slice(0, 300)}`
    }
    return isRight(text, sentAt, new Date()) ? undefined : `got ${text.slice(0, 300)}`
  } catch (error) {
    return `got no answer: ${(error as Error).message}`
  }
}
