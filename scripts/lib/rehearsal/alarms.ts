import type { ControlPlane } from '../../../test/double/plane.ts'
import type { Errors } from './balancer.ts'
import { GROUP } from './names.ts'

/** As in terraform/alarms.tf: so many errors in each of so many minutes. */
const THRESHOLD = 5
const PERIODS = 2
const PERIOD_MS = 60_000
const LOOK_MS = 250

const ALARMS = { own: `${GROUP}-elb-5xx`, targets: `${GROUP}-target-5xx` } as const
type Kind = keyof typeof ALARMS

export const ALARM_NAMES = Object.values(ALARMS)

/** CloudWatch's part: counts the load balancer's errors and rings the alarms; a minute lasts 60 s / `pace`. */
export function watchErrors(plane: ControlPlane, errors: Errors, pace: number): () => void {
  const periodMs = PERIOD_MS / pace
  const periods: Record<Kind, number[]> = { own: [], targets: [] }
  let atStart = { ...errors }
  let period = Math.floor(Date.now() / periodMs)

  const timer = setInterval(() => {
    const now = Math.floor(Date.now() / periodMs)
    if (now === period) return
    for (const kind of ['own', 'targets'] as const) {
      const counted = [...periods[kind], errors[kind] - atStart[kind]].slice(-PERIODS)
      periods[kind] = counted
      const rings = counted.length === PERIODS && counted.every((count) => count >= THRESHOLD)
      plane.setAlarm(
        ALARMS[kind],
        rings ? 'ALARM' : 'OK',
        `Threshold Crossed: ${PERIODS} datapoints [${counted.join(', ')}]`,
      )
    }
    atStart = { ...errors }
    period = now
  }, LOOK_MS)
  return () => clearInterval(timer)
}
