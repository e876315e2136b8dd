/** The value of a tag, wherever in AWS it is; undefined when there is none of that name. */
export const tagValue = (
  tags: { Key?: string | undefined; Value?: string | undefined }[] | undefined,
  key: string,
): string | undefined => tags?.find(({ Key }) => Key === key)?.Value

/** Names of the tags by which scripts and roles know what belongs to the service, and of which release it is. */
export const TAG = {
  service: 'service',
  release: 'release',
  bakedAt: 'baked-at',
  /** On the group: the releases that were rolled back, with blanks between. */
  rolledBack: 'rolled-back-release',
  /** On the group: the launch template version that ran when the newest release was started. */
  previous: 'previous-version',
} as const
