import { EXIT } from '../cli/errors.ts'
import { age, columnsOf, painter, pairs, releaseCounts, shortRelease } from '../cli/format.ts'
import { countBy, suspendedProcesses } from '../fleet/fleet.ts'
import { operatorOf } from '../fleet/marks.ts'
import { reasonOf } from '../fleet/refresh.ts'
import { type Context, surveyed } from './context.ts'
import { memberTable } from './live-view.ts'

/** Prints the group once. */
export async function status(context: Context): Promise<number> {
  const { fleet, rolledBack, direction } = await surveyed(context)
  const { name, desired, templateVersion, refresh, members } = fleet
  if (context.settings.json) {
    const report = {
      group: name,
      desired,
      launchTemplateVersion: templateVersion,
      rolledBackReleases: rolledBack,
      direction,
      refresh,
      instances: members,
    }
    console.log(JSON.stringify(report, undefined, 2))
    return EXIT.ok
  }
  const ago = (then: Date | undefined): string => (then ? `${age(fleet.at, then)} ago` : 'just now')
  const operator = operatorOf(fleet.group)
  const facts = [
    [
      'group',
      `${name}: ${releaseCounts(countBy('release', fleet))}, ${desired} desired, launch template version ${templateVersion ?? 'none'}`,
    ],
    [
      'refresh',
      refresh
        ? `${refresh.Status} ${refresh.PercentageComplete ?? 0} %, started ${ago(refresh.StartTime)}`
        : 'none yet',
    ],
    ['images', releaseCounts(countBy('ami', fleet))],
    ['reason', reasonOf(refresh)],
    ['operator', operator ? `${operator.who}, ${ago(operator.at)}` : ''],
    ['rolled back', rolledBack.map(shortRelease).join(', ')],
    ['suspended', suspendedProcesses(fleet).join(', ')],
  ].filter(([, text]) => text)
  console.log(
    [
      ...pairs(facts, columnsOf(process.stdout)),
      '',
      ...memberTable(fleet, templateVersion, painter(process.stdout)),
    ].join('\n'),
  )
  return EXIT.ok
}
