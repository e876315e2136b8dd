import type { Stage } from '../../../scripts/lib/receipt/receipt.ts'
import { play, type Verdict } from './episode.ts'
import type { Script } from './script.ts'

/** The simplest script that was found to go wrong in the same way, by leaving out one thing after another. */
export async function shrink(verdict: Verdict): Promise<Verdict> {
  let smallest = verdict
  for (let again = true; again; ) {
    again = false
    for (const script of simpler(smallest.script)) {
      const played = await play(smallest.seed, script)
      if (!played.problems.some((problem) => smallest.problems.includes(problem))) continue
      smallest = played
      again = true
      break
    }
  }
  return smallest
}

function* simpler(script: Script): Generator<Script> {
  for (const [index, operator] of script.operators.entries()) {
    const others = script.operators.filter((_, each) => each !== index)
    yield { ...script, operators: others }
    const { verb, afterSeconds, version } = operator
    const plain = { verb, afterSeconds, version }
    if (Object.keys(operator).length > Object.keys(plain).length) {
      yield { ...script, operators: script.operators.with(index, plain) }
    }
  }
  if (script.faultRate > 0) yield { ...script, faultRate: 0, faultMinutes: 0 }
  const { outage, ...connected } = script
  if (outage) yield connected
  for (const index of script.disturbances.keys()) {
    const disturbances = script.disturbances.filter((_, each) => each !== index)
    yield { ...script, disturbances }
  }
  const { sameRelease, freeze, ...ordinary } = script
  if (sameRelease) yield { ...ordinary, ...(freeze && { freeze }) }
  if (freeze) yield { ...ordinary, ...(sameRelease && { sameRelease }) }
  for (const stage of Object.keys(script.hooks) as Stage[]) {
    const { [stage]: _, ...hooks } = script.hooks
    yield { ...script, hooks }
  }
  if (script.brokenStatus !== 500) yield { ...script, brokenStatus: 500 }
  if (script.cancelSeconds) yield { ...script, cancelSeconds: 0 }
  if (script.usersPerSecond) yield { ...script, usersPerSecond: 0 }
  if (script.alarms) yield { ...script, alarms: false }
  if (script.lagSeconds) yield { ...script, lagSeconds: 0 }
  if (script.instances > 1) yield { ...script, instances: script.instances - 1 }
  if (script.bootSeconds > 5) yield { ...script, bootSeconds: 5 }
  for (const [index, quality] of script.releases.entries()) {
    if (quality !== 'good') yield { ...script, releases: script.releases.with(index, 'good') }
  }
}
