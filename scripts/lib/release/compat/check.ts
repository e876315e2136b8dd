import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXIT } from '../../cli/errors.ts'
import { canary } from '../../domain/canary.ts'
import { type StoreKind, service } from '../../service.ts'
import { executableOf } from './executable.ts'
import { Model, makeHistory, type Side, type Step, shorten } from './history.ts'
import { type Break, play, type Stage } from './play.ts'
import { randomOf } from './random.ts'
import { missingFor, startStore } from './store.ts'

export interface Wishes {
  /** Commits, tags, branches, or paths of executables. */
  old: string
  new: string
  stores: readonly StoreKind[]
  seed: number
  /** For each store. */
  histories: number
}

/** What was found; without `broken` and with at least one store, the releases are compatible. */
export interface Compatibility {
  old: string
  new: string
  seed: number
  histories: number
  /** Stores on which all histories passed. */
  passed: StoreKind[]
  leftOut: { store: StoreKind; reason: string }[]
  broken: { store: StoreKind; history: number; steps: string[]; what: string } | undefined
}

/**
 * Plays random histories of requests through two releases that share a store, in turn and both at once, with restarts, on
 * every kind of store in turn, until an answer is wrong. Throws `Stop` if one of the releases cannot be had.
 */
export async function checkCompatibility(
  wishes: Wishes,
  say: (line: string) => void,
): Promise<Compatibility> {
  const { stores, seed, histories } = wishes
  const executables = {
    old: await executableOf(wishes.old, say),
    new: await executableOf(wishes.new, say),
  }
  const found: Compatibility = {
    ...{ old: wishes.old, new: wishes.new, seed, histories },
    ...{ passed: [], leftOut: [], broken: undefined },
  }
  const folder = mkdtempSync(join(tmpdir(), `${service.name}-compat-`))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.on('exit', remove)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(EXIT.interrupted))
  }
  for (const store of stores) {
    const reason = missingFor(store)
    if (reason) {
      found.leftOut.push({ store, reason })
      continue
    }
    found.broken = await onStore(store, { executables, folder: join(folder, store) }, wishes, say)
    if (found.broken) return found
    found.passed.push(store)
  }
  return found
}

async function onStore(
  kind: StoreKind,
  { executables, folder }: { executables: Record<Side, string>; folder: string },
  { seed, histories }: Wishes,
  say: (line: string) => void,
): Promise<Compatibility['broken']> {
  mkdirSync(folder)
  await using store = await startStore(kind, folder)
  const stage: Stage = { executables, folder, store: store.environment }
  let played = 0
  // No two histories use the same keys, so that one that is played again finds nothing.
  const playAnew = (history: Step[]): Promise<Break | undefined> =>
    play(stage, history, wordOf(played++))
  for (let number = 1; number <= histories; number++) {
    say(`${kind}: history ${number} of ${histories}`)
    const history = makeHistory(randomOf(seed + number))
    const broken = await playAnew(history)
    if (!broken) continue
    say(`${kind}: ${broken.what}; looking for the shortest history that shows it`)
    const until = broken.at ? history.slice(0, history.indexOf(broken.at) + 1) : history
    const shortest = await shorten(until, async (part) => (await playAnew(part)) !== undefined)
    const word = wordOf(played)
    const { what } = (await playAnew(shortest)) ?? broken
    return { store: kind, history: number, steps: describe(shortest, word), what }
  }
  return undefined
}

/** The requests of a history as a person reads them. */
function describe(history: Step[], word: string): string[] {
  const model = new Model(word)
  return history.map((step) => {
    const { method, path, body } = model.requestOf(step)
    return [`phase ${step.phase + 1}, ${step.by}:`, method, decodeURI(path), body]
      .filter(Boolean)
      .join(' ')
  })
}

const wordOf = (index: number): string => canary.keyOf('Compat', index)
