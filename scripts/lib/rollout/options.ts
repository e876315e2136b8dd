import {
  flag,
  number,
  only,
  parsed,
  list as severalTimes,
  text,
  under,
  type Values,
} from '../cli/options.ts'
import { inForm, ReleaseId } from '../fleet/forms.ts'
import { ROUND_SECONDS } from '../probe/traffic.ts'
import { readPrivateKey } from '../receipt/envelope.ts'
import { service } from '../service.ts'
import { readHooks, STAGES } from './hooks.ts'

const TWO_DAYS = { max: 172_800 }

/** The default checkpoints of a new release: one instance first, or a tenth from ten instances on. */
export function checkpointsFor(desired: number): number[] {
  if (desired < 2) return [100]
  return desired < 10 ? [Math.floor(100 / desired), 100] : [10, 50, 100]
}

/**
 * The whole fleet is new at the last checkpoint, which lasts until the slowest alarm can ring. After it, only what the last
 * old instances still answer while they are deregistered has to pass: 30 s, and one more period of the alarms.
 */
const WATCHED_SECONDS = 60
/** Without alarms the probe watches alone, and notices partial failures more slowly. */
const UNWATCHED_SECONDS = 300

/**
 * How long a new release is watched after the last replacement, in seconds, with the alarms that do so: at least until the
 * hook that may still reject it has ended.
 */
export const watchSecondsFor = (
  alarms: readonly unknown[],
  { watchSeconds, hooks, hookSeconds }: Pick<Settings, 'watchSeconds' | 'hooks' | 'hookSeconds'>,
): number =>
  Math.max(
    watchSeconds ?? (alarms.length > 0 ? WATCHED_SECONDS : UNWATCHED_SECONDS),
    hooks?.stages.includes('shipped') ? hookSeconds : 0,
  )

/** New before old: full capacity serves throughout, and as many again may start at once. */
export const MIN_HEALTHY = 100
export const MAX_HEALTHY = 200

/** The options of all verbs. */
export const options = {
  ...under('where', {
    group: text('NAME', 'Auto Scaling group', `${service.name}-production`),
    region: text('NAME', "AWS region (AWS_REGION, or the profile's)"),
    url: parsed(
      'URL',
      "the service through its load balancer, for the probe and the verdict (watch, rollback: the load balancer's name, or with HTTPS terraform output)",
      readUrl,
      { wants: 'an http or https URL' },
    ),
  }),
  ...under('what', {
    'launch-template-id': only(['start'], text('ID', "the group's launch template")),
    'launch-template-version': only(
      ['start'],
      parsed('N', 'its version, a number and not $Latest', readVersion, {
        wants: 'a number (AWS cannot roll back from $Latest or $Default)',
      }),
    ),
    release: parsed(
      'SHA',
      'release that every instance must report on /version',
      (sha) => inForm(ReleaseId, sha),
      { wants: 'a full commit id of 40 hex digits' },
    ),
    alarm: severalTimes('NAME', 'alarm that stops the rollout and rolls it back; may be repeated'),
    'ignore-alarms': flag('leave out alarms that are not OK, instead of refusing'),
    retry: only(['start'], flag('retry a release that was rolled back')),
    'during-freeze': only(
      ['start'],
      flag('start although deploys are frozen; the receipt says so'),
    ),
    further: only(['rollback'], flag('go back beyond a change that is already undone')),
    'skip-rolled-back': only(
      ['start'],
      flag('exit with 0 for a release that was rolled back, instead of refusing'),
    ),
  }),
  ...under('how', {
    checkpoints: parsed(
      'LIST',
      'percentages to stop at, or none; those the group is too small for are left out',
      readCheckpoints,
      {
        wants: 'increasing whole percentages that end with 100, or none',
        shown: `${checkpointsFor(3)}; from 10 instances ${checkpointsFor(10)}; rollback: none`,
      },
    ),
    'checkpoint-delay-seconds': number('time at each checkpoint', undefined, {
      ...TWO_DAYS,
      shown: 'as long as the slowest alarm needs to trigger, at least 120',
    }),
    'checkpoint-answers': number(
      'answers to the probe that each checkpoint requires from the new release; with fewer it is rolled back',
      20,
    ),
    'watch-seconds': number('watch the alarms this long after the last replacement', undefined, {
      ...TWO_DAYS,
      formerly: 'bake-seconds',
      shown: `${WATCHED_SECONDS}, or ${UNWATCHED_SECONDS} if no alarm watches; rollback: 0`,
    }),
    'stall-seconds': number('roll back when no new instance becomes healthy for this long', 600),
    hooks: parsed(
      'DIR',
      `executables of your own for stages of the rollout: ${STAGES.join(', ')} (none)`,
      readHooks,
      { wants: 'a folder' },
    ),
    'hook-seconds': number('kill a hook after this long', 60, TWO_DAYS),
    'timeout-seconds': number('stop following after this long', 3600),
    'poll-seconds': number('time between polls of AWS', 5),
    'patience-seconds': number('keep trying this long without an answer from AWS', 300),
  }),
  ...under('the probe', {
    rate: number('requests per second', 10, { min: 0.1, max: 1000 }),
    token: text(
      'TOKEN',
      `token with write scope, for the canary (${service.environmentPrefix}_TOKEN)`,
    ),
    'failure-budget': {
      ...number("accepted failed requests, or 'any'; rollback counts only those after it", 0),
      parse: readBudget,
    },
    'before-seconds': number('measure this long before the rollout', 10),
    'after-seconds': number('and this long after it', 15),
    'observe-seconds': number('wait this long for every instance to answer with the release', 120),
    'no-probe': flag('send no requests; the verdict then relies on AWS only'),
    'traffic-seconds': number(
      'time between two looks at what users get from each release, over SSM; 0: do not look',
      ROUND_SECONDS,
    ),
  }),
  ...under('output', {
    json: flag('the receipt as JSON on stdout; progress goes to stderr'),
    receipt: text('FILE', 'also write the receipt to a file, as JSON'),
    'receipt-key': parsed(
      'FILE',
      'private key (PEM) that signs the receipt: NAME.json is signed in NAME.intoto.json',
      readPrivateKey,
      { wants: 'a private key' },
    ),
    note: text('TEXT', 'kept in the receipt'),
    evidence: text(
      'DIR',
      'parent of the folder with evidence from failed instances (the temporary folder)',
    ),
  }),
}

export type Settings = Values<typeof options>

function readUrl(given: string): string | undefined {
  const url = URL.parse(given)
  return url && /^https?:$/.test(url.protocol) ? url.href.replace(/\/$/, '') : undefined
}

function readVersion(given: string): number | undefined {
  return /^[1-9]\d*$/.test(given) ? Number(given) : undefined
}

function readCheckpoints(given: string): number[] | undefined {
  if (given === 'none') return []
  const percentages = given.split(',').map(Number)
  const rising = percentages.every((percent, index) => percent > (percentages[index - 1] ?? 0))
  const whole = percentages.every((percent) => Number.isInteger(percent))
  return rising && whole && percentages.at(-1) === 100 ? percentages : undefined
}

function readBudget(given: string[], name: string): number {
  return given.at(-1) === 'any' ? Infinity : number('', 0).parse(given, name)
}
