import { connect } from '../aws/clients.ts'
import { type Command, interruption, runCommand } from '../cli.ts'
import { usageError } from '../errors.ts'
import { flag, number, parsed, list as severalTimes, text, under } from '../options.ts'
import { rollback } from '../rollout/rollback.ts'
import { type Context, createContext } from '../rollout/run.ts'
import { BAKE_SECONDS, checkpointsFor, type Settings } from '../rollout/settings.ts'
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

const TWO_DAYS = { max: 172_800 }

const options = {
  ...under('where', {
    group: text('NAME', 'Auto Scaling group', `${service.name}-production`),
    region: text('NAME', "AWS region (AWS_REGION, or the profile's)"),
    url: parsed(
      'URL',
      "the service through its load balancer, for the probe and the verdict (watch, rollback: the load balancer's name, or with HTTPS what terraform output tells)",
      readUrl,
      { wants: 'an http or https URL' },
    ),
  }),
  ...under('what (start, rollback)', {
    'launch-template-id': text('ID', 'of the group'),
    'launch-template-version': parsed('N', 'a number, never $Latest', readVersion, {
      wants: 'a number: with $Latest or $Default AWS cannot go back',
    }),
    release: parsed(
      'SHA',
      'what every instance must answer on /version',
      (sha) => (/^[0-9a-f]{40}(-dirty)?$/.test(sha) ? sha : undefined),
      { wants: 'a full commit id of 40 hex digits' },
    ),
    alarm: severalTimes('NAME', 'alarm that stops the rollout and rolls it back; may be repeated'),
    'ignore-alarms': flag('leave out alarms that ring already, instead of refusing'),
    retry: flag('try a release again that was rolled back before'),
    further: flag('rollback: go back beyond a change that was undone already'),
    'skip-rolled-back': flag('end with 0 for such a release instead of refusing'),
  }),
  ...under('how', {
    checkpoints: parsed(
      'LIST',
      'percentages to stop at, or none; what the group is too small for is left out',
      readCheckpoints,
      {
        wants: 'rising whole percentages that end with 100, or none',
        shown: `${checkpointsFor(3)}; from 10 instances ${checkpointsFor(10)}; rollback: none`,
      },
    ),
    'checkpoint-delay-seconds': number('wait at a checkpoint', undefined, {
      ...TWO_DAYS,
      shown: 'as long as the slowest alarm needs to ring, and 120 at least',
    }),
    'checkpoint-answers': number(
      'answers of the new release to the probe that a checkpoint waits for; with fewer it is rolled back',
      20,
    ),
    'bake-seconds': number('watch the alarms this long after the last replacement', undefined, {
      ...TWO_DAYS,
      shown: `${BAKE_SECONDS}; rollback: 0`,
    }),
    'stall-seconds': number('roll back when no new instance becomes healthy for this long', 600),
    'timeout-seconds': number('stop following after this long', 3600),
    'poll-seconds': number('between two looks at AWS', 5),
    'patience-seconds': number('go on without an answer of AWS for this long', 300),
  }),
  ...under('the probe', {
    rate: number('requests a second', 10, { min: 0.1, max: 1000 }),
    token: text('TOKEN', `with scope write, for the canary (${service.environmentPrefix}_TOKEN)`),
    'failure-budget': {
      ...number("failed requests that are accepted, or 'any'; rollback counts those after it", 0),
      parse: readBudget,
    },
    'before-seconds': number('measure this long before', 10),
    'after-seconds': number('and after', 15),
    'observe-seconds': number('wait this long for every instance to answer with the release', 120),
    'no-probe': flag('send no requests; the verdict then rests on AWS alone'),
  }),
  ...under('what comes out', {
    json: flag('the receipt as JSON on stdout; progress goes to stderr'),
    receipt: text('FILE', 'the receipt as JSON in a file too'),
    evidence: text(
      'DIR',
      'where to make a folder for what failed instances told (the temporary folder)',
    ),
  }),
}

export const rollout: Command<typeof options> = {
  name: 'rollout',
  synopsis: `
usage: scripts/rollout start --launch-template-id ID --launch-template-version N --release SHA --url URL [options]
       scripts/rollout watch | status | list | cancel | rollback [options]

Moves the group's instances to a launch template version by an instance refresh, follows it to the end, and gives a
verdict by what the instances answer.

  start      check, start a refresh to version N, follow it
  watch      follow the refresh that runs; Ctrl-C leaves it running
  status     the group, its instances and its newest refresh, once
  list       the refreshes of the last six weeks, with status and reason
  cancel     stop the refresh where it is
  rollback   undo the newest change that is not undone: turn a running refresh round, follow one that goes back
             already, go back to the saved version after one that stopped early, or to the newest version before the
             one that runs whose AMI still exists, of another release that was not rolled back`,
  options,
  notes: `
Every option can be given in the environment: --bake-seconds as ${service.environmentPrefix}_ROLLOUT_BAKE_SECONDS.

exit codes: 0 shipped (watch, start), done (others), 1 refused, 2 usage, 3 rolled back, 4 failed or cancelled,
            5 timed out, 6 lost sight of a refresh that goes on, 130 interrupted`,
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
    const { alarm: alarms, token, region, ...rest } = options
    const settings: Settings = {
      ...rest,
      alarms,
      token: token ?? process.env[`${service.environmentPrefix}_TOKEN`],
    }
    if (verb === 'start') demandWhatStartNeeds(settings)
    return await run(createContext(connect(region), settings, interruption()))
  })
}
