import type { Release } from './releases.ts'
import type { ScenarioName } from './scenario-names.ts'

/** What the runner of a scenario is given. */
export interface Assignment {
  scenario: ScenarioName
  root: string
  /** Where logs go. */
  folder: string
  /** The first is what the fleet starts with. */
  releases: Release[]
  instances: number
  rate: number
  clients: number
  rounds: number
  pace: number
  verbose: boolean
}
