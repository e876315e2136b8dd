import type { ControlPlane } from '../../aws-double/control-plane.ts'
import type { Alarm } from '../../aws-double/model.ts'
import type { Errors } from '../balancer/balancer.ts'
import { GROUP } from '../names.ts'

/** As in terraform/alarms.tf: so many minutes in a row. Only errors are counted here; the other alarms never ring. */
export const ALARM_MINUTES = { 'elb-5xx': 2, 'target-5xx': 2, p99: 2, 'unhealthy-hosts': 3 }
/** As there: so many errors in each of the minutes. */
const THRESHOLD = 5
const PERIODS = ALARM_MINUTES['elb-5xx']
const PERIOD_SECONDS = 60
const LOOK_MS = 250

const ALARMS = { own: `${GROUP}-elb-5xx`, targets: `${GROUP}-target-5xx` } as const
type Kind = keyof typeof ALARMS

const UNHEALTHY = { namespace: 'AWS/ApplicationELB', name: 'UnHealthyHostCount', dimensions: {} }

/** The alarms at the start of a rehearsal. */
export const OK_ALARMS: Alarm[] = Object.entries(ALARM_MINUTES).map(([name, minutes]) => ({
  ...{ name: `${GROUP}-${name}`, state: 'OK', reason: '' },
  ...{ period: PERIOD_SECONDS, evaluationPeriods: minutes },
  ...(name === 'unhealthy-hosts' ? { metric: UNHEALTHY } : {}),
}))

export const ALARM_NAMES = OK_ALARMS.map(({ name }) => name)

/** Plays CloudWatch: counts the load balancer's errors per minute and sets the alarms. */
export class AlarmWatch {
  private readonly periods: Record<Kind, number[]> = { own: [], targets: [] }
  private readonly periodMs: number
  private readonly timer: Timer
  private atStart: Errors
  private since = Date.now()

  /** A minute lasts 60 s / `pace`. */
  constructor(
    private readonly plane: ControlPlane,
    private readonly balancer: { errors: Errors },
    pace: number,
  ) {
    this.periodMs = (PERIOD_SECONDS * 1000) / pace
    this.atStart = balancer.errors
    this.timer = setInterval(() => {
      if (Date.now() - this.since >= this.periodMs) this.endMinute()
    }, LOOK_MS)
  }

  /** Ends the current minute and begins the next. */
  endMinute(): void {
    const { errors } = this.balancer
    for (const kind of ['own', 'targets'] as const) {
      const counted = [...this.periods[kind], errors[kind] - this.atStart[kind]].slice(-PERIODS)
      this.periods[kind] = counted
      const rings = counted.length === PERIODS && counted.every((count) => count >= THRESHOLD)
      this.plane.setAlarm(
        ALARMS[kind],
        rings ? 'ALARM' : 'OK',
        `Threshold Crossed: ${PERIODS} datapoints [${counted.join(', ')}]`,
      )
    }
    this.atStart = errors
    this.since = Date.now()
  }

  stop(): void {
    clearInterval(this.timer)
  }
}
