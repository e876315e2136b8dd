import { StoreUnavailable } from '../store/key-value.ts'
import type { Log } from '../telemetry/log.ts'
import type { DiscardBody } from './body.ts'
import type { AppContext } from './exchange.ts'
import { Problem } from './problem.ts'
import type { Responder } from './respond.ts'

/** Answers what a handler throws; what nobody expected is logged in full and answered with a fixed sentence. */
export function createErrorHandler(respond: Responder, discardBody: DiscardBody, log: Log) {
  return async (error: Error, c: AppContext): Promise<Response> => {
    const problem = error instanceof Problem ? error : failure(error, c)
    await discardBody(c.req.raw)
    return respond.problem(c, problem)
  }

  function failure(error: Error, { env: { requestId } }: AppContext): Problem {
    if (error instanceof StoreUnavailable) {
      log.warn({ event: 'store-unavailable', requestId, reason: error.message })
      return storeUnavailable()
    }
    log.error({ event: 'internal-error', requestId, err: error })
    return internalError()
  }
}

export function storeUnavailable(): Problem {
  const detail = 'The store does not answer in time, or refuses; try again shortly.'
  return new Problem('store-unavailable', detail, { headers: { 'Retry-After': '1' } })
}

export function internalError(): Problem {
  return new Problem('internal-error', 'The service failed; the request id is in its log.')
}
