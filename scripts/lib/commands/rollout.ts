import { connect } from '../aws/clients.ts'
import { explain } from '../aws/errors.ts'
import { type Command, interruption, readVerb, runCommand } from '../cli/command.ts'
import { usageError } from '../cli/errors.ts'
import { recordedUrl } from '../release/terraform.ts'
import { cancel } from '../rollout/cancel.ts'
import { type Context, createContext } from '../rollout/context.ts'
import { list } from '../rollout/list.ts'
import { options, type Settings } from '../rollout/options.ts'
import { rollback } from '../rollout/rollback.ts'
import { start } from '../rollout/start.ts'
import { status } from '../rollout/status.ts'
import { watch } from '../rollout/watch.ts'
import { service } from '../service.ts'

const RUN = { start, watch, status, list, cancel, rollback } satisfies Record<
  string,
  (context: Context) => Promise<number>
>

const VERBS: Record<keyof typeof RUN, string> = {
  start: 'check, start a refresh to version N, follow it',
  watch: 'follow the running refresh; Ctrl-C leaves it running',
  status: 'the group, its instances and its newest refresh, once',
  list: 'the refreshes of the last six weeks, with status and reason',
  cancel: 'stop the refresh where it is',
  rollback:
    'undo the newest change that is not yet undone: reverse a running refresh, follow one that already goes back, return to the saved version after one that stopped early, or go to the newest earlier version of another release that was not rolled back and whose AMI still exists',
}

/** Verbs that end with a receipt. */
const WITH_RECEIPT = ['start', 'watch', 'rollback']

export const rollout: Command<typeof options> = {
  name: 'rollout',
  synopsis: `
usage: scripts/rollout start --launch-template-id ID --launch-template-version N --release SHA --url URL [options]
       scripts/rollout watch | status | list | cancel | rollback [options]

Moves the group's instances to a launch template version with an instance refresh, follows it to the end, and gives
a verdict based on what the instances answer.`,
  explain,
  verbs: VERBS,
  options,
  examples: [
    ['rollout status', 'where the fleet is'],
    ['rollout watch', 'follow what runs'],
    ['rollout rollback', 'go back, whatever happened'],
  ],
  notes: `
Every option can be set in the environment: --watch-seconds as ${service.environmentPrefix}_ROLLOUT_WATCH_SECONDS.

exit codes: 0 shipped (watch, start), done (others), 1 refused, 2 usage, 3 rolled back, 4 failed or cancelled,
            5 timed out, 6 lost sight of a refresh that continues, 130 interrupted`,
  words: 2,
  environmentPrefix: `${service.environmentPrefix}_ROLLOUT`,
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
    const named = readVerb(VERBS, verb)
    if (extra !== undefined) throw usageError(`'${extra}' is one argument too many`)
    if (options.receiptKey && !options.receipt && WITH_RECEIPT.includes(named)) {
      throw usageError('--receipt-key needs --receipt, too')
    }
    const token = options.token ?? process.env[`${service.environmentPrefix}_TOKEN`]
    const settings = { ...options, token }
    if (named === 'start') demandWhatStartNeeds(settings)
    const run = RUN[named]
    return await run(createContext(connect(options.region), settings, interruption(), recordedUrl))
  })
}
