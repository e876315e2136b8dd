import { service } from '../../../../scripts/lib/service.ts'

/** The load balancer's timings in seconds, as in terraform/load_balancer.tf. */
export const RULES = {
  idle: 60,
  connect: 10,
  interval: 5,
  timeout: 3,
  healthy: 2,
  unhealthy: 3,
  deregistration: 30,
}

/**
 * HAProxy has no idle timeout for connections to an instance, but closes half of the idle ones at this interval: the last
 * of a dozen is closed after about as long as with the load balancer.
 */
const PURGE_SECONDS = 15

/** Distinguishes the load balancer's own responses from those of instances. */
export const OWN_HEADER = 'x-load-balancer'
/** The instance that answered, or that the load balancer had chosen when it answered itself. */
export const TARGET_HEADER = 'x-target'
/** What HAProxy says when it had no instance to choose. */
export const NO_TARGET = '<NOSRV>'

/** The backends in which each instance is a server: the second is used when none in the first is healthy. */
export const BACKENDS = ['targets', 'open'] as const

export interface NodePaths {
  /** Of the runtime API. */
  socket: string
  /** Between the two proxies. */
  inner: string
  /** Certificate and key, PEM. */
  certificate: string
}

/**
 * Two proxies in one process. The inner one chooses the instance. It gets each request on a new connection, since HAProxy
 * does not answer a later request on a kept-alive connection with 502: it closes the connection so that the client retries.
 * Which status means what: AWS, "Troubleshoot your Application Load Balancers". HAProxy says 503 to a refused and to an
 * unanswered connection, which are 502 and 504 there.
 */
export const configuration = (
  address: string,
  { socket, inner, certificate }: NodePaths,
): string => `
global
  stats socket ${socket} mode 600 level admin
  nbthread 1
  maxconn 8000

defaults
  mode http
  option http-keep-alive
  retries 0
  timeout connect ${RULES.connect}s
  timeout client ${RULES.idle}s
  timeout server ${RULES.idle}s
  timeout http-keep-alive ${RULES.idle}s
  timeout check ${RULES.timeout}s

frontend listener
  bind ${address}:443 ssl crt ${certificate} alpn h2,http/1.1
  default_backend inner

backend inner
  option http-server-close
  # The inner proxy is the one to time out.
  timeout server ${2 * RULES.idle}s
  acl own res.hdr(${OWN_HEADER}) -m found
  acl none res.hdr(${TARGET_HEADER}) -m str ${NO_TARGET}
  http-request set-var(txn.began) date(0,ms)
  http-response set-var(txn.took) date(0,ms),sub(txn.began)
  http-response set-status 504 if { status 503 } own !none { var(txn.took) -m int ge ${RULES.connect * 1000} }
  http-response set-status 502 if { status 503 } own !none
  server inner unix@${inner}

frontend inner
  bind unix@${inner} mode 600
  use_backend open if { nbsrv(targets) eq 0 } { nbsrv(open) gt 0 }
  default_backend targets

${BACKENDS.map((name) => `backend ${name}${name === 'targets' ? CHECKS(address) : ''}${SERVING}`).join('\n')}`

const CHECKS = (address: string): string => `
  option httpchk
  http-check send meth GET uri ${service.health.path} ver HTTP/1.1 hdr host ${address} hdr user-agent ELB-HealthChecker/2.0
  http-check expect status 200`

const SERVING = `
  balance leastconn
  http-reuse always
  http-response set-header ${TARGET_HEADER} %s
${[502, 503, 504].map((status) => `  http-error status ${status} content-type text/html string "<h1>${status}</h1>" hdr ${OWN_HEADER} ${status} hdr ${TARGET_HEADER} %s`).join('\n')}
`

/** What follows an address in 'add server': checks, and connections kept for as long as the load balancer keeps them. */
export const serverWords = (
  backend: (typeof BACKENDS)[number],
  interval: number,
  fall: number,
): string =>
  [
    ...(backend === 'targets'
      ? [`check inter ${interval}s fall ${fall} rise ${RULES.healthy}`]
      : []),
    `pool-max-conn -1 pool-purge-delay ${PURGE_SECONDS}s`,
  ].join(' ')
