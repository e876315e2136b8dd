import type { Aws } from '../aws/clients.ts'
import { type Alarm, findAlarms } from '../fleet/alarms.ts'
import type { Settings } from './settings.ts'

/** AWS's limit for one refresh. */
const MOST_ALARMS = 10

/** Load balancer metrics arrive once a minute, and the alarm is evaluated after that. */
const METRICS_SECONDS = 60

/** Long enough for the probe to get a few hundred answers from the new release. */
const SHORTEST_DELAY_SECONDS = 120

export interface AlarmCheck {
  /** Each is a reason not to start. */
  problems: string[]
  notes: string[]
  /** Alarms that can watch the refresh. */
  usable: string[]
  checkpointDelaySeconds: number
}

type Wishes = Pick<Settings, 'alarms' | 'ignoreAlarms' | 'checkpoints' | 'checkpointDelaySeconds'>

/** Checks whether the alarms can watch a refresh, and how long a checkpoint must wait for them. */
export async function checkAlarms(aws: Aws, wishes: Wishes): Promise<AlarmCheck> {
  const { alarms: names, ignoreAlarms } = wishes
  if (names.length === 0) return judge([], [], [], wishes)
  if (names.length > MOST_ALARMS) {
    return judge([], [`AWS accepts at most ${MOST_ALARMS} alarms, got ${names.length}`], [], wishes)
  }
  const found = await findAlarms(aws, names)
  const missing = names.filter((name) => !found.some((alarm) => alarm.name === name))
  const unfit = found.filter(({ state }) => state !== 'OK').map(describe)
  return judge(
    found.filter(({ state }) => state === 'OK'),
    [
      ...missing.map((name) => `there is no alarm '${name}': check --alarm and --region`),
      ...(ignoreAlarms
        ? []
        : unfit.map(
            (text) =>
              `${text}. AWS would refuse the refresh or roll it back immediately: wait until it is OK, or leave it out with --ignore-alarms`,
          )),
    ],
    ignoreAlarms ? unfit.map((text) => `${text}; it is ignored`) : [],
    wishes,
  )
}

/** The default checkpoint delay: long enough for a problem to trigger the slowest alarm. */
export function checkpointDelayFor(alarms: Alarm[]): number {
  return Math.max(SHORTEST_DELAY_SECONDS, ...alarms.map(neededFor))
}

const neededFor = ({ seconds }: Alarm): number =>
  seconds === undefined ? 0 : seconds + METRICS_SECONDS

function judge(usable: Alarm[], problems: string[], notes: string[], wishes: Wishes): AlarmCheck {
  const { checkpoints, checkpointDelaySeconds: wish } = wishes
  const delay = wish ?? checkpointDelayFor(usable)
  const stops = checkpoints === undefined || checkpoints.length > 0
  const late = stops ? usable.filter((alarm) => neededFor(alarm) > delay) : []
  return {
    problems: [
      ...problems,
      ...late.map(
        (alarm) =>
          `a checkpoint of ${delay} s ends before ${alarm.name} can trigger, which takes ${neededFor(alarm)} s: set --checkpoint-delay-seconds to ${checkpointDelayFor(usable)} or more, or omit it`,
      ),
    ],
    notes,
    usable: usable.map(({ name }) => name),
    checkpointDelaySeconds: delay,
  }
}

const describe = ({ name, state, reason }: Alarm): string =>
  `${name} is in ${state}${reason ? `: ${reason}` : ''}`
