import { ApiError } from './errors.ts'
import { ACCOUNT } from './names.ts'

/** How to fail: return an API error, drop the connection, act but lose the response, or never respond. */
export type Fault =
  | { kind: 'error'; code: string; message: string; status?: number }
  | { kind: 'drop' }
  | { kind: 'lose' }
  | { kind: 'hang' }

export const throttled: Fault = { kind: 'error', code: 'Throttling', message: 'Rate exceeded' }

export const expired: Fault = {
  kind: 'error',
  code: 'ExpiredToken',
  message: 'The security token included in the request is expired',
  status: 403,
}

export const denied = (action: string): Fault => ({
  kind: 'error',
  code: 'AccessDenied',
  message: `User: arn:aws:sts::${ACCOUNT}:assumed-role/reader/session is not authorized to perform: ${action}`,
  status: 403,
})

/** Faults to inject. `times` may be Infinity; an action is one of the API, such as StartInstanceRefresh. */
export class Faults {
  private readonly waiting: { action: RegExp; fault: Fault; left: number }[] = []

  add(action: RegExp, fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.waiting.push({ action, fault, left: times })
  }

  clear(): void {
    this.waiting.length = 0
  }

  /** Throws, never resolves, or returns `lose` if there is a fault for this action. */
  async apply(action: string): Promise<'lose' | undefined> {
    const found = this.waiting.find((entry) => entry.left > 0 && entry.action.test(action))
    if (!found) return undefined
    found.left -= 1
    const { fault } = found
    if (fault.kind === 'error') throw new ApiError(fault.code, fault.message, fault.status)
    if (fault.kind === 'drop') throw new Dropped()
    if (fault.kind === 'lose') return 'lose'
    return await new Promise(() => {})
  }
}

/** Tells the server to close the connection without a response. */
export class Dropped extends Error {}
