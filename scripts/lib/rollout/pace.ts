import { clockTime } from '../cli/format.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { type Course, forecast } from '../probe/forecast.ts'
import type { Context } from './context.ts'
import type { Checkpoints } from './decide.ts'
import { tooFewAnswers } from './preflight.ts'

/** With enough of users' traffic, a minute at a checkpoint shows more than the alarms do in four. */
const SHORT_SECONDS = 60

/** Enough: a release that fails this share of its requests is seen before the first pause is over. */
const SEEN_SHARE = 0.02

/** The rollout of a fleet with short pauses, and so many requests of users per second and instance. */
export function courseOf(
  { desired, group }: Fleet,
  [percent = 100]: readonly number[],
  perInstance: number,
): Course {
  return {
    instances: desired,
    first: Math.ceil((desired * percent) / 100),
    perSecond: perInstance * desired,
    warmupSeconds: group.DefaultInstanceWarmup ?? 0,
    checkpointSeconds: SHORT_SECONDS,
  }
}

/**
 * The pauses with users' traffic: short ones, after which the alarms watch until the slowest can have rung on the whole
 * fleet. Undefined where there is too little traffic for that.
 */
export function shortened(slow: Checkpoints, course: Course): Checkpoints | undefined {
  const seen = forecast(course, SEEN_SHARE)
  if (!seen || seen.seconds > course.warmupSeconds + SHORT_SECONDS) return undefined
  const watchSeconds = Math.max(slow.watchSeconds, slow.delayMs / 1000 - SHORT_SECONDS)
  return { ...slow, delayMs: SHORT_SECONDS * 1000, watchSeconds }
}

/** The pauses of this rollout, and says why: `slow` ones, or short ones if users send enough and nobody has set a time. */
export function pausesOf(
  { settings, progress }: Context,
  fleet: Fleet,
  slow: Checkpoints,
  perInstance: number | undefined,
): Checkpoints {
  const { checkpointDelaySeconds, watchSeconds } = settings
  const isSet = checkpointDelaySeconds !== undefined || watchSeconds !== undefined
  if (isSet || slow.percentages.length === 0) return slow
  const waits = `a checkpoint lasts ${clockTime(slow.delayMs / 1000)}, until the slowest alarm can ring`
  if (perInstance === undefined) {
    progress.note(`What users get from each release cannot be read over SSM: ${waits}.`)
    return slow
  }
  // Half of the probe's requests are for the canary, and counted like those of users.
  const users = Math.max(0, perInstance - settings.rate / 2 / fleet.desired)
  const short = shortened(slow, courseOf(fleet, slow.percentages, users))
  const sends = `Users send ${(users * fleet.desired).toFixed(0)} requests a second`
  if (!short || tooFewAnswers(short, fleet.desired, settings).length > 0) {
    progress.note(`${sends}, too few to tell a bad release within a minute: ${waits}.`)
    return slow
  }
  progress.note(
    `${sends}: a checkpoint lasts ${clockTime(SHORT_SECONDS)}, and then the alarms watch for ${clockTime(short.watchSeconds)}.`,
  )
  return short
}
