import type { Aws } from '../aws/clients.ts'
import type { FleetWatch } from '../fleet/fleet.ts'

export type Verb =
  | 'status'
  | 'logs'
  | 'bundle'
  | 'restart'
  | 'reload'
  | 'drain'
  | 'undrain'
  | 'replace'
  | 'shell'
  | StoreVerb

/** Those about the store, and not about instances. */
export type StoreVerb = 'backup' | 'drill' | 'drop-copy'

export interface OpsSettings {
  verb: Verb
  /** Instance ids; empty means every instance in service. */
  instances: string[]
  group: string
  region: string | undefined
  reason: string
  lines: number
  follow: boolean
  out: string
  json: boolean
  unspaced: boolean
}

/** What the verbs work with. */
export interface Ops {
  aws: Aws
  watch: FleetWatch
  group: string
  /** Who and why, for SSM's command history. */
  comment: string
  pollMs: number
  followMs: number
  timeoutMs: number
  signal: AbortSignal
  /** A line of the result, on stdout. */
  print: (line: string) => void
  /** Progress, on stderr. */
  note: (line: string) => void
  /** Problems, on stderr. */
  warn: (line: string) => void
}
