import { connect } from '../aws/clients.ts'
import { runVerb } from '../cli.ts'
import { readSettings, type Verb } from './options.ts'
import { type Context, createContext } from './run.ts'
import { USAGE } from './usage.ts'
import { cancel, rollback, start, status, watch } from './verbs.ts'

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
