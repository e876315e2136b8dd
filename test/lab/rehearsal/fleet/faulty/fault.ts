import { existsSync } from 'node:fs'
import { service } from '../../../../../scripts/lib/service.ts'

/** A release with the fault `turns-bad` is good until its instance has this file. */
export const TURN_BAD = '/etc/app/turn-bad'

/** The status that a release with this fault gives to a request that deserves another. */
const FAULTS = {
  'not-found': ({ method }: Request) => (method === 'GET' ? 404 : undefined),
  'turns-bad': () => (existsSync(TURN_BAD) ? 500 : undefined),
}

export type Fault = keyof typeof FAULTS | 'other-users'

/** What says how the service is, and which, stays right: no load balancer would notice the fault. */
const RIGHT: string[] = [service.health.path, service.version.path]

const fault = FAULTS[process.env.FAULT as keyof typeof FAULTS]
if (fault) {
  const { serve } = Bun
  Object.assign(Bun, {
    serve: ({ fetch, ...options }: { fetch(...words: unknown[]): Promise<Response> }) =>
      serve({
        ...options,
        async fetch(request: Request, server) {
          const right = await fetch(request, server)
          const status = RIGHT.includes(new URL(request.url).pathname) ? undefined : fault(request)
          // With its headers, so that it still says which release it is of.
          return status ? new Response(undefined, { status, headers: right.headers }) : right
        },
      }),
  })
}

// In the middle of a request, so that it counts as one that failed: for names that only the load uses, not the probe.
if (process.env.FAULT === 'other-users') {
  const share = Number(process.env.FAULT_SHARE)
  const { normalize } = String.prototype
  String.prototype.normalize = function (form) {
    if (this.startsWith('Rate') && Math.random() < share) throw new Error('not for everybody')
    return normalize.call(this, form)
  }
}
