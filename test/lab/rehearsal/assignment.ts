import type { Release } from './fleet/releases.ts'

/** The input of the scenario runner. */
export interface Assignment {
  scenario: string
  root: string
  /** Where logs go. */
  folder: string
  /** The fleet starts with the first. */
  releases: Release[]
  instances: number
  rate: number
  clients: number
  rounds: number
  pace: number
  /** How late the load balancer's nodes hear of a change at most, in seconds: in the scenarios about that. */
  lag: number
  /** Of the requests for its users, in the scenario about that. */
  failingShare: number
  /** Of all that is random. */
  seed: number
  verbose: boolean
}
