import { service } from '../service.ts'

/** The kinds of AWS errors that callers handle differently. */
export type ErrorKind =
  | 'credentials'
  | 'expired'
  | 'region'
  | 'denied'
  | 'group'
  | 'throttled'
  | 'network'
  | 'other'

const BY_NAME: [RegExp, ErrorKind][] = [
  [/^(ExpiredToken|RequestExpired|TokenRefreshRequired)/, 'expired'],
  [
    /^(InvalidClientTokenId|UnrecognizedClient|AuthFailure|MissingAuthenticationToken)/,
    'credentials',
  ],
  [
    /^(SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|RequestTimeTooSkewed)/,
    'credentials',
  ],
  [/^(CredentialsProviderError|TokenProviderError|ProviderError)$/, 'credentials'],
  [/^(AccessDenied|UnauthorizedOperation|UnauthorizedAccess|NotAuthorized)/, 'denied'],
  [/^(Throttl|RequestLimitExceeded|TooManyRequests|RequestThrottled|SlowDown)/, 'throttled'],
  [/^(TimeoutError|DNSException|NetworkingError)$/, 'network'],
]

const NETWORK_CODE =
  /^(ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ConnectionRefused|ConnectionClosed|FailedToOpenSocket)/

/** AWS may have carried out a call, whose answer was lost. */
export class LostAnswer extends Error {
  override readonly name = 'LostAnswer'

  constructor(readonly lost: Error) {
    super(lost.message)
  }
}

/** Classifies an AWS error, for callers to branch on. */
export function classifyError(error: unknown): ErrorKind {
  const { name, code, message } = parts(error)
  if (/region is missing|region not accepted/i.test(message)) return 'region'
  if (/(session|token).*(expired|is expired)/i.test(message) && name !== 'ValidationError') {
    return 'expired'
  }
  if (/AutoScalingGroup name not found/i.test(message)) return 'group'
  const known = BY_NAME.find(([pattern]) => pattern.test(name))
  if (known) return known[1]
  return NETWORK_CODE.test(code) ? 'network' : 'other'
}

/** For `catch`: undefined for the error with that name; any other is thrown. */
export const unless =
  (name: string) =>
  (error: Error): undefined => {
    if (error.name !== name) throw error
  }

/** Whether the same call may succeed when retried later. One whose answer was lost may have succeeded already. */
export function isTransient(error: unknown): boolean {
  if (error instanceof LostAnswer) return false
  const kind = classifyError(error)
  const status = (error as { $metadata?: { httpStatusCode?: number } })?.$metadata?.httpStatusCode
  return kind === 'throttled' || kind === 'network' || (status !== undefined && status >= 500)
}

/** Whether the network works, and has no such host: mostly a mistyped region. */
export const isUnknownHost = (error: unknown): boolean =>
  /^(ENOTFOUND|DNSException)$/.test((error as { code?: string }).code ?? (error as Error).name)

/** How often the SDK sent the call: after more than one attempt, an earlier one may have been carried out. */
export const attemptsOf = (error: unknown): number =>
  (error as { $metadata?: { attempts?: number } })?.$metadata?.attempts ?? 1

/** A sentence or two for people: what AWS said, and what to do about it. Never a stack trace. */
export function explain(error: unknown): string {
  const { message } = parts(error)
  switch (classifyError(error)) {
    case 'credentials':
      return `AWS credentials${ofProfile()} are missing or not accepted (${message}). Sign in (for example \`aws sso login\`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`
    case 'expired':
      return `The AWS credentials have expired (${message}). Sign in again (for example \`aws sso login\`) and repeat the command.`
    case 'region':
      return `No usable AWS region${ofProfile()} (${message}). Pass --region NAME or set AWS_REGION, for example eu-west-1.`
    case 'denied':
      return `AWS denied access: ${message}. Use credentials whose role allows this action, or have it added to the role's policy.`
    case 'group':
      return `There is no such Auto Scaling group in this account and region (${message}). Check --group and --region; groups are named ${service.name}-<environment>.`
    case 'throttled':
      return `AWS is throttling this account's calls (${message}), even after several retries. Wait a minute and repeat the command.`
    case 'network':
      return `AWS cannot be reached${endpoint()} (${message}). Check the name of the region, the network, the proxy and AWS_ENDPOINT_URL, then repeat the command.`
    case 'other':
      return message
  }
}

function ofProfile(): string {
  const profile = process.env.AWS_PROFILE
  return profile ? ` of the profile '${profile}' (AWS_PROFILE)` : ''
}

function endpoint(): string {
  const url = process.env.AWS_ENDPOINT_URL
  return url ? ` at ${url}` : ''
}

function parts(error: unknown): { name: string; code: string; message: string } {
  if (!(error instanceof Error)) return { name: '', code: '', message: String(error) }
  const { code } = error as { code?: unknown }
  const name = error.name === 'Error' ? '' : error.name
  const message = (error.message || name || 'no message').split('\n')[0] as string
  return { name, code: typeof code === 'string' ? code : '', message: message.replace(/\.$/, '') }
}
