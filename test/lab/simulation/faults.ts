import { ApiError } from '../aws-double/errors.ts'
import type { Outage, Script } from './script.ts'

/** Makes an AWS call fail as often as the script says; never while `isQuiet`. */
export async function withFaults(
  script: Script,
  isQuiet: () => boolean,
  action: string,
  call: () => Record<string, unknown>,
): Promise<Record<string, unknown>> {
  await Bun.sleep(20)
  if (isQuiet() || Math.random() >= script.faultRate) return asSdk(call)
  const kind = Math.random()
  if (kind < 0.4) throw fault('ThrottlingException', 400)
  if (kind < 0.6) throw fault('ServiceUnavailable', 503)
  if (kind < 0.8) {
    // The call succeeded but its answer was lost: the SDK retries, and runs into its own first call.
    const answer = asSdk(call)
    if (/^(Describe|CreateOrUpdate|Delete)/.test(action)) return answer
    const name =
      action === 'StartInstanceRefresh'
        ? 'InstanceRefreshInProgress'
        : 'ActiveInstanceRefreshNotFound'
    throw Object.assign(fault(name, 400), { $metadata: { attempts: 2, httpStatusCode: 400 } })
  }
  if (kind < 0.97) {
    await Bun.sleep(script.delaySeconds * 1000)
    return asSdk(call)
  }
  throw fault('ExpiredToken', 403)
}

/** Fails all calls from the first one of the outage's action, which is carried out, until its time is over. */
export class OutageSwitch {
  private until: number | undefined

  constructor(
    private readonly outage: Outage | undefined,
    private readonly now: () => number,
  ) {}

  async pass<T>(action: string, call: () => Promise<T>): Promise<T> {
    const { outage } = this
    if (outage && this.until === undefined && action === outage.action) {
      this.until = this.now() + outage.seconds * 1000
      await call()
    }
    if (this.now() < (this.until ?? 0)) throw fault('TimeoutError', 0)
    return await call()
  }

  end(): void {
    this.until = 0
  }
}

/** Throws what AWS refuses the way the SDK does. */
function asSdk(call: () => Record<string, unknown>): Record<string, unknown> {
  try {
    return call()
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    throw fault(error.code, error.status, error.message)
  }
}

const fault = (name: string, httpStatusCode: number, message = name): Error =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode } })

export const isOfAws = (error: object): boolean => '$metadata' in error
