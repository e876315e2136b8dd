/** The value of a tag of any AWS resource; undefined when there is none with that name. */
export const tagValue = (
  tags: { Key?: string | undefined; Value?: string | undefined }[] | undefined,
  key: string,
): string | undefined => tags?.find(({ Key }) => Key === key)?.Value

/** The tags by which scripts and roles know what belongs to the service, and to which release. */
export const TAG = {
  service: 'service',
  release: 'release',
  bakedAt: 'baked-at',
  /** On an image: the SHA-256 of its executable, and of the bill of materials. */
  executable: 'executable',
  sbom: 'sbom',
  /** On an image: the AMI that it was made from, and when that was made. */
  source: 'source-ami',
  sourceCreated: 'source-ami-created',
  /** On the group: the releases and images that were rolled back, separated by spaces. */
  rolledBack: 'rolled-back-release',
  /** On the group: the launch template version that was running when the newest rollout started. */
  previous: 'previous-version',
  /** On the group: who started, rolled back or cancelled the newest refresh, and when. */
  operator: 'rollout-operator',
} as const
