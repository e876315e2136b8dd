import { type Access, accessOf, type Caller, type Callers, type Parameters } from './access.ts'
import type { ControlPlane } from './control-plane.ts'
import { ApiError } from './errors.ts'

/** What the signature of a request says: …Credential=KEY/20261124/eu-west-1/autoscaling/aws4_request. */
export interface Scope {
  accessKeyId: string
  service: string
}

export function scopeOf(authorization: string): Scope {
  const [, accessKeyId = '', service = ''] =
    /Credential=([^/,]+)[^,]*\/([a-z0-9]+)\/aws4_request/.exec(authorization) ?? []
  return { accessKeyId, service }
}

/** The services whose actions have another prefix in policies than the service has in signatures. */
const PREFIXES: Record<string, string> = { monitoring: 'cloudwatch' }

/** Who calls; throws as AWS does when there is no such access key, or they are not allowed to. */
export async function admit(
  action: string,
  parameters: Parameters,
  { accessKeyId, service }: Scope,
  { plane, callers }: { plane: ControlPlane; callers: Callers },
): Promise<Caller> {
  const caller = callers(accessKeyId)
  if (!caller) throw unknownKey(service)
  // Everybody may ask who they are.
  if (service === 'sts') return caller
  for (const access of accessOf(`${PREFIXES[service] ?? service}:${action}`, plane, parameters)) {
    if (!(await caller.allows(access))) throw refusal(service, caller, access)
  }
  return caller
}

const unknownKey = (service: string): ApiError =>
  service === 'ec2'
    ? new ApiError(
        'AuthFailure',
        'AWS was not able to validate the provided access credentials',
        401,
      )
    : new ApiError(
        'InvalidClientTokenId',
        'The security token included in the request is invalid.',
        403,
      )

const QUERY_SERVICES = ['autoscaling', 'elasticache', 'elasticloadbalancing', 'iam', 'sns', 'sts']

/** What AWS answers: the code depends on the service's protocol. */
function refusal(service: string, { arn }: Caller, { action, resource }: Access): ApiError {
  const why = `User: ${arn} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`
  if (service === 'ec2') {
    const message = `You are not authorized to perform this operation. ${why}`
    return new ApiError('UnauthorizedOperation', message, 403)
  }
  return QUERY_SERVICES.includes(service)
    ? new ApiError('AccessDenied', why, 403)
    : new ApiError('AccessDeniedException', why)
}
