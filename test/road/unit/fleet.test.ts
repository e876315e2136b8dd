import { expect, test } from 'bun:test'
import type { InstanceRefreshStatus } from '@aws-sdk/client-auto-scaling'
import { type Fleet, type Member, releaseReplacedBy } from '../../../scripts/lib/fleet/fleet.ts'
import {
  isGivenUp,
  isLaunching,
  isReversible,
  isRunning,
  isTurnedRound,
} from '../../../scripts/lib/fleet/refresh-status.ts'

const member = (templateVersion: number, lifecycle = 'InService'): Member => ({
  id: `i-${templateVersion}`,
  zone: 'a',
  templateVersion,
  release: `release ${templateVersion}`,
  ami: undefined,
  privateIp: undefined,
  launchedAt: undefined,
  lifecycle,
  health: 'Healthy',
  target: 'healthy',
  targetReason: undefined,
  targetDescription: undefined,
  port: undefined,
})

test.each([
  ['the saved version, not what stands by', [member(1, 'Standby'), member(2)], 'release 2'],
  [
    'the saved version, not what is being removed',
    [member(1, 'Terminating:Wait'), member(2)],
    'release 2',
  ],
  ['the saved version first', [member(1), member(2)], 'release 2'],
  ['another one in service', [member(1), member(3)], 'release 1'],
  ['itself, when nothing else serves', [member(2, 'Standby'), member(3)], 'release 3'],
])('a move to version 3 replaces %s', (_, members, expected) => {
  expect(releaseReplacedBy({ templateVersion: 2, members } as Fleet, 3)).toBe(expected)
})

const STATUSES: [InstanceRefreshStatus, string][] = [
  ['Pending', 'running reversible launching'],
  ['InProgress', 'running reversible launching'],
  ['Baking', 'running reversible'],
  ['Cancelling', 'running given-up'],
  ['RollbackInProgress', 'running turned-round given-up'],
  ['RollbackSuccessful', 'turned-round'],
  ['RollbackFailed', 'turned-round given-up'],
  ['Failed', 'given-up'],
  ['Cancelled', 'given-up'],
  ['Successful', ''],
]

test.each(STATUSES)('a refresh that is %s is %s', (status, traits) => {
  const found = [
    isRunning(status) && 'running',
    isReversible(status) && 'reversible',
    isLaunching(status) && 'launching',
    isTurnedRound(status) && 'turned-round',
    isGivenUp(status) && 'given-up',
  ]
  expect(found.filter(Boolean).join(' ')).toBe(traits)
})
