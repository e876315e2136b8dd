import type { ReleaseName } from '../fleet/releases.ts'
import type { Rehearsal, Setting } from '../rehearsal.ts'

export interface Scenario extends Setting {
  /** What it shows, for --help. */
  shows: string
  /** The fleet starts with the first. */
  releases: ReleaseName[]
  play(rehearsal: Rehearsal): Promise<void>
}
