import { existsSync } from 'node:fs'
import { service } from '../../../../../scripts/lib/service.ts'

/** A release with the fault `turns-bad` is good until its instance has this file. */
export const TURN_BAD = '/etc/app/turn-bad'

/** The status that a release with this fault gives to a request that deserves another. */
const FAULTS = {
  'not-found': ({ method }: Request) => (method === 'GET' ? 404 : undefined),
  'turns-bad': () => (existsSync(TURN_BAD) ? 500 : undefined),
}

export type Fault = keyof typeof FAULTS

/** What says how the service is, and which, stays right: no load balancer would notice the fault. */
const RIGHT: string[] = [service.health.path, service.version.path]

const fault = FAULTS[process.env.FAULT as Fault]
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
