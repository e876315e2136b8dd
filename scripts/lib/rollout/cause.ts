/** What is known about one failed instance. */
export interface Finding {
  id: string
  targetReason: string
  targetDescription: string
  /** What the instance returned over SSM: unit status and journal. */
  text: string
}

const SIGNS: [RegExp, string][] = [
  [
    /status=78|exit(ed|\s+code)?[^\n]{0,20}\b78\b|EX_CONFIG/i,
    'the service rejects its configuration (exit 78): the journal lists every invalid variable',
  ],
  [
    /status=203|203\/EXEC|Exec format error/i,
    'the executable cannot be run: wrong architecture, or missing from the image',
  ],
  [
    /oom-kill|Out of memory|status=9\/KILL/i,
    'the service was killed for using too much memory: raise MemoryMax, or use a larger instance type',
  ],
  [
    /AccessDenied[^\n]*ssm|ssm[^\n]*AccessDenied|not authorized to perform: ssm/i,
    'the instance role is not allowed to read its secrets from SSM Parameter Store',
  ],
  [/ParameterNotFound/i, 'a secret is missing from SSM Parameter Store: run scripts/secrets'],
  [
    /(redis|store)[^\n]*(ECONNREFUSED|ETIMEDOUT|ENOTFOUND|timed out|unreachable|not answer)|WRONGPASS|NOAUTH/i,
    'the store cannot be reached or rejects the password: /hc returns 503 until the first round trip succeeds',
  ],
  [/EADDRINUSE|PORT: \d+ is taken/i, 'the port is taken by another process on the instance'],
  [
    /"status":\s*"starting"/i,
    'the service has had no successful round trip to its store since boot',
  ],
]

/** The likeliest cause in one sentence, from what the instances, the load balancer and AWS reported. */
export function likelyCause(
  findings: Finding[],
  launchFailures: string[],
  statusReason: string,
): string {
  const text = findings.map((finding) => finding.text).join('\n')
  const sign = SIGNS.find(([pattern]) => pattern.test(text))
  if (sign) return sign[1]
  const [launch] = launchFailures
  if (launch) return `instances could not be launched: ${launch}`
  if (/alarm/i.test(statusReason)) return `an alarm stopped it: ${statusReason}`
  const target = findings.find(({ targetReason }) => targetReason)
  if (target) return targetCause(target)
  return statusReason || 'the collected evidence does not show it'
}

function targetCause({ targetReason, targetDescription }: Finding): string {
  const said = targetDescription ? ` (${targetDescription})` : ''
  switch (targetReason) {
    case 'Target.ResponseCodeMismatch':
      return `/hc does not return 200${said}`
    case 'Target.Timeout':
      return `/hc does not answer in time${said}: the service hangs, or a security group blocks the requests`
    case 'Target.FailedHealthChecks':
      return `nothing answers on the service's port${said}: the unit is not running, or listens elsewhere`
    default:
      return `the load balancer reports ${targetReason}${said}`
  }
}
