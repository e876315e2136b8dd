import { connect } from '../aws/clients.ts'
import { runVerb } from '../cli.ts'
import { type Context, createContext } from '../rollout/run.ts'
import { readSettings, type Verb } from '../rollout/settings.ts'
import { USAGE } from '../rollout/usage.ts'
import { cancel, rollback, start, status, watch } from '../rollout/verbs.ts'

const VERBS: Record<Verb, (context: Context) => Promise<number>> = {
  start,
  watch,
  status,
  cancel,
  rollback,
}

await runVerb('rollout', USAGE, async (argv) => {
  const settings = readSettings(argv, process.env)
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interruption.abort())
  }
  const context = createContext(connect(settings.region), settings, interruption.signal)
  return await VERBS[settings.verb](context)
})
