/** The services whose actions have another prefix in policies than the service has in signatures. */
const PREFIXES: Record<string, string> = { monitoring: 'cloudwatch' }

/** What a GET of a bucket asks for, by the name in its query. */
const OF_BUCKET: Record<string, string> = {
  accelerate: 'GetAccelerateConfiguration',
  acl: 'GetBucketAcl',
  cors: 'GetBucketCORS',
  encryption: 'GetEncryptionConfiguration',
  lifecycle: 'GetLifecycleConfiguration',
  logging: 'GetBucketLogging',
  'object-lock': 'GetBucketObjectLockConfiguration',
  policy: 'GetBucketPolicy',
  publicAccessBlock: 'GetBucketPublicAccessBlock',
  replication: 'GetReplicationConfiguration',
  requestPayment: 'GetBucketRequestPayment',
  tagging: 'GetBucketTagging',
  versioning: 'GetBucketVersioning',
  website: 'GetBucketWebsite',
}

/** The action of a request to AWS as a policy names it: by its target, its form, or for S3 by what it reads. */
export function actionOf(request: Request, service: string, body: string): string {
  const prefix = PREFIXES[service] ?? service
  const target = request.headers.get('x-amz-target')?.split('.')[1]
  return `${prefix}:${target ?? new URLSearchParams(body).get('Action') ?? ofBucket(request)}`
}

function ofBucket({ method, url }: Request): string {
  if (method === 'HEAD') return 'ListBucket'
  const [asked = ''] = new URL(url).searchParams.keys()
  return (method === 'GET' && OF_BUCKET[asked]) || `${method} ?${asked}`
}
