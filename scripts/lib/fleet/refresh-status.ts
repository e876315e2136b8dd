import type { InstanceRefreshStatus } from '@aws-sdk/client-auto-scaling'

/** What matters about a refresh with a status. */
interface Traits {
  /** It blocks another one. */
  running?: true
  /** It goes forward, and AWS can still turn it round. */
  reversible?: true
  /** It waits for new instances. */
  launching?: true
  /** It was turned round, by AWS or a person. */
  turnedRound?: true
  /** Its target is given up. */
  givenUp?: true
}

const TRAITS: Record<InstanceRefreshStatus, Traits> = {
  Pending: { running: true, reversible: true, launching: true },
  InProgress: { running: true, reversible: true, launching: true },
  Baking: { running: true, reversible: true },
  Cancelling: { running: true, givenUp: true },
  Cancelled: { givenUp: true },
  Failed: { givenUp: true },
  Successful: {},
  RollbackInProgress: { running: true, turnedRound: true, givenUp: true },
  RollbackSuccessful: { turnedRound: true },
  RollbackFailed: { turnedRound: true, givenUp: true },
}

/** Whether a refresh with this status has the trait; undefined: there is none. */
const having =
  (trait: keyof Traits) =>
  (status: InstanceRefreshStatus | undefined): boolean =>
    status !== undefined && TRAITS[status][trait] === true

export const isRunning = having('running')
export const isReversible = having('reversible')
export const isLaunching = having('launching')
export const isTurnedRound = having('turnedRound')
export const isGivenUp = having('givenUp')
