import { parse, toNumber, usageError } from '../cli.ts'

const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean' } as const

const OPTIONS = {
  group: TEXT,
  region: TEXT,
  url: TEXT,
  'launch-template-id': TEXT,
  'launch-template-version': TEXT,
  release: TEXT,
  'to-version': TEXT,
  alarm: { type: 'string', multiple: true },
  'ignore-alarms': FLAG,
  retry: FLAG,
  'skip-rolled-back': FLAG,
  checkpoints: TEXT,
  'checkpoint-delay-seconds': TEXT,
  'bake-seconds': TEXT,
  'warmup-seconds': TEXT,
  'min-healthy': TEXT,
  'max-healthy': TEXT,
  'stall-seconds': TEXT,
  'timeout-seconds': TEXT,
  'poll-seconds': TEXT,
  'patience-seconds': TEXT,
  rate: TEXT,
  token: TEXT,
  'failure-budget': TEXT,
  'probe-timeout-seconds': TEXT,
  'before-seconds': TEXT,
  'after-seconds': TEXT,
  'observe-seconds': TEXT,
  'no-probe': FLAG,
  direct: FLAG,
  json: FLAG,
  receipt: TEXT,
  evidence: TEXT,
} as const

export const VERBS = ['start', 'watch', 'status', 'cancel', 'rollback'] as const
export type Verb = (typeof VERBS)[number]

/** What a rollout was asked for, checked. Times are milliseconds where the name says so, else seconds. */
export interface Settings {
  verb: Verb
  group: string
  region: string | undefined
  /** Without a slash at the end. */
  url: string | undefined
  templateId: string | undefined
  version: number | undefined
  release: string | undefined
  toVersion: number | undefined
  alarms: string[]
  ignoreAlarms: boolean
  retry: boolean
  skipRolledBack: boolean
  checkpoints: number[]
  checkpointDelaySeconds: number
  bakeSeconds: number
  warmupSeconds: number | undefined
  minHealthy: number
  maxHealthy: number
  stallMs: number
  timeoutMs: number
  pollMs: number
  patienceMs: number
  rate: number
  token: string | undefined
  /** Infinity accepts any number of failures. */
  failureBudget: number
  probeTimeoutMs: number
  beforeMs: number
  afterMs: number
  observeMs: number
  probe: boolean
  direct: boolean
  json: boolean
  receipt: string | undefined
  evidence: string | undefined
}

type Values = Record<string, string | boolean | string[] | undefined>

/** Reads argv, then HELLO_ROLLOUT_… for what argv does not say. Throws a usage error for anything it cannot take. */
export function readSettings(argv: string[], env: Record<string, string | undefined>): Settings {
  const { values: given, positionals } = parse(argv, OPTIONS)
  const [verb, ...rest] = positionals
  if (!verb) throw usageError('say what to do: start, watch, status, cancel or rollback')
  if (!(VERBS as readonly string[]).includes(verb)) throw usageError(`there is no verb '${verb}'`)
  if (rest.length > 0) throw usageError(`'${rest[0]}' is one argument too many`)

  const values: Values = { ...fromEnvironment(env), ...given }
  const text = (name: string): string | undefined =>
    (values[name] as string | undefined) || undefined
  const number = (name: string, standard: number, limits = {}): number => {
    const given = text(name)
    return given === undefined ? standard : toNumber(name, given, limits)
  }
  const ms = (name: string, standard: number): number => number(name, standard) * 1000
  // What is gone back to has proved itself before: stops on the way would only keep the bad release longer.
  const isBack = verb === 'rollback'
  const settings: Settings = {
    verb: verb as Verb,
    group: text('group') ?? 'hello-production',
    region: text('region'),
    url: readUrl(text('url')),
    templateId: text('launch-template-id'),
    version: readVersion('launch-template-version', text('launch-template-version')),
    release: readRelease(text('release')),
    toVersion: readVersion('to-version', text('to-version')),
    alarms: (values.alarm as string[] | undefined) ?? [],
    ignoreAlarms: values['ignore-alarms'] === true,
    retry: values.retry === true,
    skipRolledBack: values['skip-rolled-back'] === true,
    checkpoints: readCheckpoints(text('checkpoints') ?? (isBack ? 'none' : '50,100')),
    checkpointDelaySeconds: number('checkpoint-delay-seconds', 120, { max: 172_800 }),
    bakeSeconds: number('bake-seconds', isBack ? 0 : 300, { max: 172_800 }),
    warmupSeconds: text('warmup-seconds') === undefined ? undefined : number('warmup-seconds', 0),
    minHealthy: number('min-healthy', 100, { max: 100 }),
    maxHealthy: number('max-healthy', 200, { min: 100, max: 200 }),
    stallMs: ms('stall-seconds', 600),
    timeoutMs: ms('timeout-seconds', 3600),
    pollMs: ms('poll-seconds', 5),
    patienceMs: ms('patience-seconds', 300),
    rate: number('rate', 10, { min: 0.1, max: 1000 }),
    token: text('token') ?? env.HELLO_TOKEN,
    failureBudget: text('failure-budget') === 'any' ? Infinity : number('failure-budget', 0),
    probeTimeoutMs: ms('probe-timeout-seconds', 5),
    beforeMs: ms('before-seconds', 10),
    afterMs: ms('after-seconds', 15),
    observeMs: ms('observe-seconds', 120),
    probe: values['no-probe'] !== true,
    direct: values.direct === true,
    json: values.json === true,
    receipt: text('receipt'),
    evidence: text('evidence'),
  }
  demand(settings)
  return settings
}

function demand(settings: Settings): void {
  if (settings.verb !== 'start') return
  const missing = [
    settings.templateId === undefined ? '--launch-template-id' : '',
    settings.version === undefined ? '--launch-template-version' : '',
    settings.release === undefined ? '--release' : '',
    settings.url === undefined && settings.probe ? '--url (or --no-probe)' : '',
  ].filter(Boolean)
  if (missing.length > 0) throw usageError(`start needs ${missing.join(', ')}`)
}

function fromEnvironment(env: Record<string, string | undefined>): Values {
  const found: Values = {}
  for (const [name, option] of Object.entries(OPTIONS)) {
    const variable = `HELLO_ROLLOUT_${name.replaceAll('-', '_').toUpperCase()}`
    const text = env[variable]
    if (!text) continue
    if (option.type === 'boolean') {
      if (!['0', '1', 'true', 'false'].includes(text)) {
        throw usageError(`${variable} wants 1 or 0, got '${text}'`)
      }
      found[name] = text === '1' || text === 'true'
    } else found[name] = name === 'alarm' ? text.split(',') : text
  }
  return found
}

function readUrl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw usageError(`--url wants an http or https URL, got '${text}'`)
  }
  return url.href.replace(/\/$/, '')
}

function readVersion(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d*$/.test(text)) {
    throw usageError(
      `--${name} wants a number, got '${text}': with $Latest or $Default AWS cannot go back`,
    )
  }
  return Number(text)
}

function readRelease(text: string | undefined): string | undefined {
  if (text === undefined || /^[0-9a-f]{40}(-dirty)?$/.test(text)) return text
  throw usageError(`--release wants a full commit id of 40 hex digits, got '${text}'`)
}

function readCheckpoints(text: string): number[] {
  if (text === 'none') return []
  const list = text.split(',').map(Number)
  const rising = list.every((percent, index) => percent > (list[index - 1] ?? 0))
  if (!rising || list.some((percent) => !Number.isInteger(percent)) || list.at(-1) !== 100) {
    throw usageError(
      `--checkpoints wants rising whole percentages that end with 100, or none, got '${text}'`,
    )
  }
  return list
}
