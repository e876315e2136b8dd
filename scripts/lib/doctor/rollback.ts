import { Stop } from '../cli/errors.ts'
import { shortRelease } from '../cli/format.ts'
import { obstacleTo, previousVersion } from '../fleet/previous.ts'
import type { Survey } from '../fleet/survey.ts'
import { preflight } from '../rollout/preflight.ts'
import { type Finding, ok, problem, problemsOr } from '../verify/finding.ts'
import type { Account } from './account.ts'
import type { Environment } from './environment.ts'

/** Whether 'scripts/rollout rollback' could start now, and where it would lead. */
export async function checkRollback({ aws, survey }: Environment): Promise<Finding[]> {
  const seen = await survey()
  const { direction, releaseOf, fleet } = seen
  const nameOf = (version: number | undefined): string =>
    `version ${version}, release ${shortRelease(releaseOf(version))}`
  switch (direction.kind) {
    case 'forward':
      return [
        ok(`a rollout is running: a rollback would turn it round, to ${nameOf(direction.from)}`),
      ]
    case 'back':
      return [
        problem(
          `the group is going back to ${nameOf(direction.to)}`,
          "follow it with 'scripts/rollout watch'",
        ),
      ]
    case 'recycling':
      return [
        ok('a refresh that only replaces instances is running: a rollback would stop it first'),
        ...(await fromRest(aws, { ...seen, fleet: { ...fleet, refresh: undefined } })),
      ]
    case 'stopped': {
      const obstacle = await obstacleTo(aws, fleet, direction.back)
      return [
        problem(
          `the newest change ended early: not every instance has version ${fleet.templateVersion}`,
          obstacle === undefined
            ? `'scripts/rollout rollback' leads to ${nameOf(direction.back)}; a new deploy goes on`
            : `deploy a release whose AMI exists: ${obstacle}`,
        ),
      ]
    }
    case 'settled':
      return await fromRest(aws, seen)
  }
}

async function fromRest(aws: Account, seen: Survey): Promise<Finding[]> {
  const { fleet, templateVersions, releaseOf, direction } = seen
  const releases = new Set(templateVersions.map(({ release }) => release))
  if (releases.size === 1) {
    return [ok('nothing to go back to yet: the group has had one release only')]
  }
  const version = await previousVersion(aws, seen).catch((error) => {
    if (!(error instanceof Stop)) throw error
    return error
  })
  if (version instanceof Stop) {
    return [problem('there is no way back', version.message)]
  }
  const { problems } = await preflight(aws, fleet, {
    templateId: fleet.group.LaunchTemplate?.LaunchTemplateId ?? '',
    templateVersion: version,
    release: releaseOf(version),
    // A rollback waits for no alarm.
    alarm: [],
    ignoreAlarms: true,
    checkpoints: [],
    checkpointDelaySeconds: undefined,
  })
  const further =
    direction.kind === 'settled' && direction.undone !== undefined
      ? '; since the newest change is undone already, that takes --further'
      : ''
  return problemsOr(
    problems,
    `could start now, to version ${version}, release ${shortRelease(releaseOf(version))}${further}`,
  )
}
