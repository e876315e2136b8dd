import { connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { type Command, interruption, runCommand } from '../cli/command.ts'
import { usageError } from '../cli/errors.ts'
import { flag, number, parsed, list as severalTimes, text, under } from '../cli/options.ts'
import { readPrivateKey } from '../receipt/envelope.ts'
import { recordedUrl } from '../release/terraform.ts'
import { rollback } from '../rollout/rollback.ts'
import { type Context, createContext } from '../rollout/run.ts'
import {
  checkpointsFor,
  type Settings,
  UNWATCHED_BAKE_SECONDS,
  WATCHED_BAKE_SECONDS,
} from '../rollout/settings.ts'
import { cancel, list, start, status, watch } from '../rollout/verbs.ts'
import { service } from '../service.ts'

const VERBS: Record<string, (context: Context) => Promise<number>> = {
  start,
  watch,
  status,
  list,
  cancel,
  rollback,
}

/** Verbs that end with a receipt. */
const WITH_RECEIPT = ['start', 'watch', 'rollback']

const TWO_DAYS = { max: 172_800 }

const options = {
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
  ...under('what (start, rollback)', {
    'launch-template-id': text('ID', "the group's launch template"),
    'launch-template-version': parsed('N', 'its version, a number and not $Latest', readVersion, {
      wants: 'a number (AWS cannot roll back from $Latest or $Default)',
    }),
    release: parsed(
      'SHA',
      'release that every instance must report on /version',
      (sha) => (/^[0-9a-f]{40}(-dirty)?$/.test(sha) ? sha : undefined),
      { wants: 'a full commit id of 40 hex digits' },
    ),
    alarm: severalTimes('NAME', 'alarm that stops the rollout and rolls it back; may be repeated'),
    'ignore-alarms': flag('leave out alarms that are not OK, instead of refusing'),
    retry: flag('retry a release that was rolled back'),
    further: flag('rollback: go back beyond a change that is already undone'),
    'skip-rolled-back': flag('exit with 0 for a release that was rolled back, instead of refusing'),
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
    'bake-seconds': number('watch the alarms this long after the last replacement', undefined, {
      ...TWO_DAYS,
      shown: `${WATCHED_BAKE_SECONDS}, or ${UNWATCHED_BAKE_SECONDS} if no alarm watches; rollback: 0`,
    }),
    'stall-seconds': number('roll back when no new instance becomes healthy for this long', 600),
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
  }),
  ...under('output', {
    json: flag('the receipt as JSON on stdout; progress goes to stderr'),
    receipt: text('FILE', 'also write the receipt to a file, as JSON'),
    'receipt-key': text(
      'FILE',
      'private key (PEM) that signs the receipt: NAME.json is signed in NAME.intoto.json',
    ),
    evidence: text(
      'DIR',
      'parent of the folder with evidence from failed instances (the temporary folder)',
    ),
  }),
}

export const rollout: Command<typeof options> = {
  name: 'rollout',
  synopsis: `
usage: scripts/rollout start --launch-template-id ID --launch-template-version N --release SHA --url URL [options]
       scripts/rollout watch | status | list | cancel | rollback [options]

Moves the group's instances to a launch template version with an instance refresh, follows it to the end, and gives
a verdict based on what the instances answer.

  start      check, start a refresh to version N, follow it
  watch      follow the running refresh; Ctrl-C leaves it running
  status     the group, its instances and its newest refresh, once
  list       the refreshes of the last six weeks, with status and reason
  cancel     stop the refresh where it is
  rollback   undo the newest change that is not yet undone: reverse a running refresh, follow one that already goes
             back, return to the saved version after one that stopped early, or go to the newest earlier version of
             another release that was not rolled back and whose AMI still exists`,
  explain,
  options,
  notes: `
Every option can be set in the environment: --bake-seconds as ${service.environmentPrefix}_ROLLOUT_BAKE_SECONDS.

exit codes: 0 shipped (watch, start), done (others), 1 refused, 2 usage, 3 rolled back, 4 failed or cancelled,
            5 timed out, 6 lost sight of a refresh that continues, 130 interrupted`,
  words: 2,
  environmentPrefix: `${service.environmentPrefix}_ROLLOUT`,
}

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

function demandWhatStartNeeds(settings: Settings): void {
  const missing = [
    settings.launchTemplateId === undefined ? '--launch-template-id' : '',
    settings.launchTemplateVersion === undefined ? '--launch-template-version' : '',
    settings.release === undefined ? '--release' : '',
    settings.url === undefined && !settings.noProbe ? '--url (or --no-probe)' : '',
  ].filter(Boolean)
  if (missing.length > 0) throw usageError(`start needs ${missing.join(', ')}`)
}

if (import.meta.main) {
  await runCommand(rollout, async ({ options, words: [verb, extra] }) => {
    if (!verb) throw usageError('say what to do: start, watch, status, list, cancel or rollback')
    const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined
    if (!run) throw usageError(`there is no verb '${verb}'`)
    if (extra !== undefined) throw usageError(`'${extra}' is one argument too many`)
    const { alarm: alarms, token, region, receiptKey, ...rest } = options
    if (receiptKey && !rest.receipt && WITH_RECEIPT.includes(verb)) {
      throw usageError('--receipt-key needs --receipt, too')
    }
    const settings: Settings = {
      ...rest,
      alarms,
      receiptKey: receiptKey ? readPrivateKey(receiptKey) : undefined,
      token: token ?? process.env[`${service.environmentPrefix}_TOKEN`],
    }
    if (verb === 'start') demandWhatStartNeeds(settings)
    return await run(createContext(connect(region), settings, interruption(), recordedUrl))
  })
}
