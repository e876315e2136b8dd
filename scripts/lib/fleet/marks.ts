import {
  type AutoScalingGroup,
  CreateOrUpdateTagsCommand,
  DeleteTagsCommand,
} from '@aws-sdk/client-auto-scaling'
import { callerName } from '../aws/caller.ts'
import type { Aws } from '../aws/clients.ts'
import { type Fleet, toTemplateVersion } from './fleet.ts'
import { AmiId, inForm, ReleaseId } from './forms.ts'
import { TAG, tagValue } from './tags.ts'

type Tagged = Pick<AutoScalingGroup, 'Tags'>

/** AWS's limit for a tag's value, in characters. */
const MOST_CHARACTERS = 256

/** The releases, and the images of releases that run from another, marked on the group as rolled back, newest last. */
export const markedOn = (group: Tagged): string[] =>
  tagValue(group.Tags, TAG.rolledBack)
    ?.split(' ')
    .filter((each) => inForm(ReleaseId, each) ?? inForm(AmiId, each)) ?? []

/** Marks a release or an image on the group as rolled back, in addition to those already marked. */
export async function markRolledBack(aws: Aws, { group, name }: Fleet, blamed: string) {
  const marks = [...markedOn(group).filter((each) => each !== blamed), blamed]
  while (marks.join(' ').length > MOST_CHARACTERS) marks.shift()
  await writeMarks(aws, name, marks)
}

/** Removes the marks of what was shipped, if there are any. */
export async function unmarkRolledBack(
  aws: Aws,
  { group, name }: Fleet,
  shipped: (string | undefined)[],
) {
  const marked = markedOn(group)
  const left = marked.filter((each) => !shipped.includes(each))
  if (left.length < marked.length) await writeMarks(aws, name, left)
}

/** The launch template version that was running when the newest rollout started, as recorded then. */
export const recordedPrevious = (group: Tagged): number | undefined =>
  toTemplateVersion(tagValue(group.Tags, TAG.previous))

/** Records the running launch template version on the group, for a rollback after AWS has forgotten it. */
export async function recordPrevious(aws: Aws, { name, templateVersion }: Fleet): Promise<void> {
  if (templateVersion === undefined) return
  await writeTag(aws, name, TAG.previous, String(templateVersion))
}

/** Who started, rolled back or cancelled the newest refresh, and when; undefined if nobody is recorded. */
export function operatorOf(group: Tagged): { who: string; at: Date } | undefined {
  const [, who = '', at = ''] =
    /^(.+) at (\S+)$/.exec(tagValue(group.Tags, TAG.operator) ?? '') ?? []
  return who ? { who, at: new Date(at) } : undefined
}

/** ` by alice at <time>`; empty if nobody is recorded. */
export function byOperator(group: Tagged): string {
  const operator = operatorOf(group)
  return operator ? ` by ${operator.who} at ${operator.at.toISOString()}` : ''
}

/** Records on the group who started, rolled back or cancelled its newest refresh. */
export async function recordOperator(aws: Aws, { name }: Fleet): Promise<void> {
  const who = await callerName(aws)
  await writeTag(aws, name, TAG.operator, `${who} at ${new Date().toISOString()}`)
}

async function writeTag(aws: Aws, group: string, key: string, value: string): Promise<void> {
  const tag = { ...tagOf(group, key), Value: value, PropagateAtLaunch: false }
  await aws.autoScaling.send(new CreateOrUpdateTagsCommand({ Tags: [tag] }))
}

async function writeMarks(aws: Aws, group: string, marks: string[]): Promise<void> {
  if (marks.length > 0) return await writeTag(aws, group, TAG.rolledBack, marks.join(' '))
  await aws.autoScaling.send(new DeleteTagsCommand({ Tags: [tagOf(group, TAG.rolledBack)] }))
}

const tagOf = (group: string, Key: string) => ({
  ResourceId: group,
  ResourceType: 'auto-scaling-group',
  Key,
})
