import { canary } from '../../domain/canary.ts'
import type { Canary, CanaryRequest } from '../../service.ts'

export type Side = 'old' | 'new'

/**
 * Who runs in each phase of a history, on one store: the old release, both as in a rollout, the new one, the old one again
 * after a rollback, the new one again. Each phase starts its processes anew.
 */
export const PHASES: readonly (readonly Side[])[] = [
  ['old'],
  ['old', 'new'],
  ['new'],
  ['old'],
  ['new'],
]

/** One request of a history. Keys and values are numbers, so that a history can be played again under other names. */
export interface Step {
  phase: number
  by: Side
  kind: 'write' | 'read' | 'remove'
  key: number
  value: number
}

const STEPS = 16
/** Of a phase in which both run: what one reads, the other must have changed before it is read again. */
const STEPS_OF_BOTH = 80
const PLAIN_KEYS = 4
const PLAIN_VALUES = 4

/** A random history; `random` gives numbers from 0 to 1. What is in the store is read at the end of each phase. */
export function makeHistory(random: () => number, { keys, values }: Canary = canary): Step[] {
  const below = (limit: number) => Math.floor(random() * limit)
  const keyCount = PLAIN_KEYS + keys('').length
  return PHASES.flatMap((sides, phase) => {
    const side = () => sides[below(sides.length)] as Side
    const steps = Array.from({ length: sides.length > 1 ? STEPS_OF_BOTH : STEPS }, (): Step => {
      const chance = random()
      const kind = chance < 0.5 ? 'write' : chance < 0.9 ? 'read' : 'remove'
      const value = below(PLAIN_VALUES + values.length)
      return { phase, by: side(), kind, key: below(keyCount), value }
    })
    const reads = Array.from({ length: keyCount }, (_, key): Step => {
      return { phase, by: side(), kind: 'read', key, value: 0 }
    })
    return [...steps, ...reads]
  })
}

/** What should be stored, by key. Turns each step into a request with the right answer at that time. */
export class Model {
  private readonly stored = new Map<string, string>()

  /** `word` begins the names of the keys. */
  constructor(private readonly word: string) {}

  requestOf({ kind, key, value }: Step): CanaryRequest {
    const name = this.keyNamed(key)
    const known = this.stored.get(name)
    if (kind === 'write') {
      const next = valueNumbered(value)
      this.stored.set(name, next)
      return canary.write(name, next)
    }
    if (known === undefined) return canary.readNothing(name)
    if (kind === 'read') return canary.read(name, known)
    this.stored.delete(name)
    return canary.remove(name)
  }

  private keyNamed(index: number): string {
    return index < PLAIN_KEYS
      ? canary.keyOf(this.word, index)
      : (canary.keys(this.word)[index - PLAIN_KEYS] as string)
  }
}

const valueNumbered = (index: number): string =>
  index < PLAIN_VALUES ? canary.value(index) : (canary.values[index - PLAIN_VALUES] as string)

/**
 * A shortest part of `history` that `fails`: no step of it can be left out. Tries halves, quarters and so on to single
 * steps (delta debugging).
 */
export async function shorten(
  history: Step[],
  fails: (history: Step[]) => Promise<boolean>,
): Promise<Step[]> {
  let steps = history
  for (
    let size = Math.ceil(steps.length / 2);
    size >= 1;
    size = size > 1 ? Math.ceil(size / 2) : 0
  ) {
    for (let from = 0; from < steps.length; ) {
      const rest = [...steps.slice(0, from), ...steps.slice(from + size)]
      if (rest.length > 0 && (await fails(rest))) steps = rest
      else from += size
    }
  }
  return steps
}
