import { clockTime } from '../cli/format.ts'
import { type Fleet, warmupSecondsOf } from '../fleet/fleet.ts'
import { type Course, forecast } from '../probe/forecast.ts'
import type { Checkpoints } from './decide.ts'
import type { Settings } from './options.ts'
import { tooFewAnswers } from './preflight.ts'

/** With enough of users' traffic, a minute at a checkpoint shows more than the alarms do in four. */
const SHORT_SECONDS = 60

/** Enough: a release that fails this share of its requests is seen before the first pause is over. */
const SEEN_SHARE = 0.02

export type PaceSettings = Pick<
  Settings,
  'checkpointDelaySeconds' | 'watchSeconds' | 'trafficSeconds' | 'rate' | 'noProbe'
>

/** The rollout of a fleet with these pauses, where users send so many requests per second. */
export function courseOf(
  fleet: Fleet,
  { percentages: [percent = 100], delayMs }: Checkpoints,
  perSecond: number,
  { trafficSeconds }: PaceSettings,
): Course {
  return {
    instances: fleet.desired,
    first: Math.ceil((fleet.desired * percent) / 100),
    perSecond,
    warmupSeconds: warmupSecondsOf(fleet),
    checkpointSeconds: delayMs / 1000,
    roundSeconds: trafficSeconds,
  }
}

/**
 * The pauses of a rollout, and why, in words: `slow` ones, which last until the slowest alarm can ring; or if users' requests
 * per second are enough to see a bad release sooner, short ones, after which the alarms watch until the slowest can have
 * rung on the whole fleet. Undefined: nobody knows how many there are. What somebody has set stays as it is.
 */
export function pausesFor(
  fleet: Fleet,
  slow: Checkpoints,
  perSecond: number | undefined,
  settings: PaceSettings,
): { pauses: Checkpoints; why: string } {
  const { checkpointDelaySeconds, watchSeconds } = settings
  const waits = `a checkpoint lasts ${clockTime(slow.delayMs / 1000)}`
  const isSet = checkpointDelaySeconds !== undefined || watchSeconds !== undefined
  if (isSet || slow.percentages.length === 0) return { pauses: slow, why: `${waits}, as was set` }
  const alarms = `${waits}, until the slowest alarm can ring`
  if (perSecond === undefined)
    return { pauses: slow, why: `nobody knows what users send: ${alarms}` }
  const watch = Math.max(slow.watchSeconds, slow.delayMs / 1000 - SHORT_SECONDS)
  const short = { ...slow, delayMs: SHORT_SECONDS * 1000, watchSeconds: watch }
  const course = courseOf(fleet, short, perSecond, settings)
  const seen = settings.trafficSeconds > 0 ? forecast(course, SEEN_SHARE) : undefined
  const send = `users send ${perSecond.toFixed(0)} requests a second`
  const isSoon = seen && seen.seconds <= course.warmupSeconds + SHORT_SECONDS
  if (!isSoon || tooFewAnswers(short, fleet.desired, settings).length > 0)
    return { pauses: slow, why: `${send}, too few to tell a bad release in a minute: ${alarms}` }
  return {
    pauses: short,
    why: `${send}: a checkpoint lasts ${clockTime(SHORT_SECONDS)}, and then the alarms watch for ${clockTime(watch)}`,
  }
}
