import type { InstanceRefreshStatus } from '@aws-sdk/client-auto-scaling'
import { EXIT } from '../cli/errors.ts'
import type { Figures } from '../probe/figures.ts'
import type { Observation } from '../probe/observe.ts'
import type { Verdict } from '../receipt/receipt.ts'

const EXIT_CODES: Record<Verdict, number> = {
  shipped: EXIT.ok,
  skipped: EXIT.ok,
  'rolled back': EXIT.rolledBack,
  failed: EXIT.failed,
  cancelled: EXIT.failed,
  'timed out': EXIT.timedOut,
  'lost sight': EXIT.lostSight,
}

/** How following a refresh ended: AWS's terminal status, or why it is no longer followed. */
export interface Ending {
  status: InstanceRefreshStatus | 'timed out' | 'lost sight'
  reason: string
  /** Whether AWS has ended the refresh, although the ending is not AWS's. */
  hasEnded?: boolean
  /** Why the release should have been rolled back. */
  blame?: string | undefined
}

export const exitCodeOf = (verdict: Verdict): number => EXIT_CODES[verdict]

/** Whether AWS says that the fleet is where it should be: with `isRollback`, RollbackSuccessful was asked for. */
export const hasArrived = ({ status }: Ending, isRollback: boolean): boolean =>
  status === 'Successful' || (isRollback && status === 'RollbackSuccessful')

/** The verdict from what was observed. Requests that failed on a way back are the fault of the release being left. */
export function verdictOf(
  ending: Ending,
  observed: Observation | undefined,
  probe: Figures | undefined,
  budget: number,
  isRollback: boolean,
): { verdict: Verdict; reason: string } {
  if (!hasArrived(ending, isRollback))
    return { verdict: verdictWithoutSuccess(ending.status), reason: ending.reason || ending.status }
  if (ending.blame !== undefined) {
    return { verdict: 'failed', reason: `AWS reports success, but ${ending.blame}` }
  }
  if (observed && !observed.ok) {
    return { verdict: 'failed', reason: `AWS reports success, but ${observed.problem}` }
  }
  const failed = isRollback ? probe?.phases.after.failed : probe?.failed
  if (probe && failed !== undefined && failed > budget) {
    return {
      verdict: 'failed',
      reason: `every instance serves the release, but ${failed} of ${probe.requests} requests failed (budget ${budget})`,
    }
  }
  return {
    verdict: 'shipped',
    reason: observed ? '' : 'according to AWS only: nothing was observed',
  }
}

function verdictWithoutSuccess(status: Ending['status']): Verdict {
  switch (status) {
    case 'RollbackSuccessful':
      return 'rolled back'
    case 'Cancelled':
      return 'cancelled'
    case 'timed out':
    case 'lost sight':
      return status
    default:
      return 'failed'
  }
}
