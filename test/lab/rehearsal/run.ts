/** Plays one scenario, inside the namespace: `run.ts ASSIGNMENT RESULT`, two files of JSON. */

import type { Assignment } from './assignment.ts'
import { Rehearsal } from './rehearsal.ts'
import { scenarioNamed } from './scenarios/all.ts'

/** Load before and after the scenario. */
const QUIET_MS = 5_000
/** For one round: four times what the longest scenario takes on a quiet machine. */
const LIMIT_MS = 1_200_000

const [assignmentPath = '', resultPath = ''] = process.argv.slice(2)
const assignment = (await Bun.file(assignmentPath).json()) as Assignment
const scenario = scenarioNamed(assignment.scenario)

// The parent process cleans up, so on a signal this one only has to exit.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

try {
  const rehearsal = new Rehearsal(assignment, scenario)
  setTimeout(() => {
    const minutes = (LIMIT_MS * assignment.rounds) / 60_000
    console.error(`rehearse: not done within ${minutes} minutes, since: ${rehearsal.doing}`)
    process.exit(1)
  }, LIMIT_MS * assignment.rounds)
  await rehearsal.begin()
  await Bun.sleep(QUIET_MS)
  await scenario.play(rehearsal)
  await Bun.sleep(QUIET_MS)
  await Bun.write(resultPath, JSON.stringify(await rehearsal.end()))
} catch (error) {
  console.error(`rehearse: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
process.exit(0)
