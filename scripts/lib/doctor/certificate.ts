import { type CertificateDetail, DescribeCertificateCommand } from '@aws-sdk/client-acm'
import { type Finding, ok, problem, problemsOr } from '../verify/finding.ts'
import type { Environment } from './environment.ts'

const DAY_MS = 86_400_000

/** ACM renews weeks before this many days are left. */
const FEW_DAYS = 20

/** Whether the load balancer's certificate is valid, fits the service's address, and will be renewed. */
export async function checkCertificate(environment: Environment): Promise<Finding[]> {
  const { aws, listeners, url } = environment
  const secure = (await listeners()).find(({ Protocol }) => Protocol === 'HTTPS')
  if (!secure) {
    return [
      ok(
        'none: plain HTTP, so names and tokens can be read in transit (set domain to change that)',
      ),
    ]
  }
  const arn = secure.Certificates?.[0]?.CertificateArn
  const { Certificate } = await aws.acm.send(
    new DescribeCertificateCommand({ CertificateArn: arn }),
  )
  if (!Certificate) return [problem(`${arn} does not exist`, 'run terraform apply')]
  const { hostname } = new URL(await url())
  const days = Math.floor(((Certificate.NotAfter?.getTime() ?? 0) - Date.now()) / DAY_MS)
  return problemsOr(
    problemsOf(Certificate, { hostname, days, listener: secure.ListenerArn }),
    `${hostname} until ${Certificate.NotAfter?.toISOString().slice(0, 10)}, in ${days} days; ACM renews it`,
  )
}

function problemsOf(
  certificate: CertificateDetail,
  {
    hostname,
    days,
    listener = '',
  }: { hostname: string; days: number; listener?: string | undefined },
): Finding[] {
  const { DomainName, Status, InUseBy = [], RenewalEligibility, RenewalSummary } = certificate
  const name = `the certificate of ${DomainName}`
  const problems: Finding[] = []
  if (Status !== 'ISSUED') {
    problems.push(
      problem(
        `${name} is ${Status}${certificate.FailureReason ? ` (${certificate.FailureReason})` : ''}`,
        "create the records in 'terraform output certificate_records', and wait until it is issued",
      ),
    )
  }
  if (!namesOf(certificate).some((pattern) => fits(pattern, hostname))) {
    problems.push(
      problem(
        `${name} does not fit ${hostname}, where the service is called`,
        'set domain to the name that callers use, and apply',
      ),
    )
  }
  // arn:…:listener/app/NAME/ID/LISTENER belongs to arn:…:loadbalancer/app/NAME/ID
  const balancer = /listener\/(app\/[^/]+\/[^/]+)/.exec(listener)?.[1] ?? ''
  if (!InUseBy.some((user) => user.endsWith(balancer))) {
    problems.push(
      problem(
        `ACM does not know that the load balancer uses ${name}, and would not renew it`,
        'run terraform apply',
      ),
    )
  } else if (RenewalEligibility !== 'ELIGIBLE') {
    problems.push(
      problem(
        `ACM will not renew ${name}`,
        'let ACM issue one that is validated by DNS: an imported one must be renewed by hand',
      ),
    )
  }
  const renewal = RenewalSummary?.RenewalStatus
  if (renewal === 'PENDING_VALIDATION' || renewal === 'FAILED') {
    problems.push(
      problem(
        `the renewal of ${name} is ${renewal}`,
        "its DNS record is gone: create the records in 'terraform output certificate_records' again, or apply",
      ),
    )
  }
  if (days < FEW_DAYS) {
    problems.push(
      problem(
        days < 0 ? `${name} has expired` : `${name} expires in ${days} days`,
        'ACM should have renewed it: check its DNS record, or have it issued anew with terraform apply -replace',
      ),
    )
  }
  return problems
}

const namesOf = ({
  DomainName = '',
  SubjectAlternativeNames = [],
}: CertificateDetail): string[] => [DomainName, ...SubjectAlternativeNames]

/** A wildcard stands for one label. */
const fits = (pattern: string, hostname: string): boolean =>
  pattern === hostname ||
  (pattern.startsWith('*.') && hostname.split('.').slice(1).join('.') === pattern.slice(2))
