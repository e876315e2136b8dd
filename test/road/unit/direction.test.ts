import { describe, expect, test } from 'bun:test'
import {
  directionOf,
  type GroupHistory,
  type Launched,
  type Refresh,
  rolledBackOf,
  versionsBefore,
} from '../../../scripts/lib/fleet/direction.ts'
import fc from '../../lab/support/fast-check.ts'

const refresh = (status: Refresh['status'], desired: number, id = `to ${desired}`): Refresh => ({
  id,
  status,
  desired,
})
const release = (version: number): string => `release ${version}`
const launchedBy = (version: number | undefined): Launched | undefined =>
  version === undefined ? undefined : { release: release(version), imageId: `ami-${version}` }

describe('the direction of a group', () => {
  const of = (saved: number, present: number[], ...refreshes: Refresh[]) =>
    directionOf({ saved, present, refreshes })

  test.each([
    ['a new group', of(1, [1, 1]), { kind: 'settled', undone: undefined }],
    [
      'after a release',
      of(2, [2, 2], refresh('Successful', 2)),
      { kind: 'settled', undone: undefined },
    ],
    ['during one', of(1, [1, 2], refresh('InProgress', 2)), { kind: 'forward', from: 1, to: 2 }],
    [
      'before AWS has begun',
      of(1, [1, 1], refresh('Pending', 2)),
      { kind: 'forward', from: 1, to: 2 },
    ],
    [
      'reversed by AWS or a person',
      of(1, [1, 2], refresh('RollbackInProgress', 2)),
      { kind: 'back', from: 2, to: 1, turnedRound: true },
    ],
    [
      'going back to an older version',
      of(2, [1, 2], refresh('InProgress', 1), refresh('Successful', 2)),
      { kind: 'back', from: 2, to: 1, turnedRound: false },
    ],
    [
      'cancelled halfway',
      of(1, [1, 2], refresh('Cancelled', 2)),
      { kind: 'stopped', left: 2, back: 1 },
    ],
    ['failed halfway', of(1, [2, 1], refresh('Failed', 2)), { kind: 'stopped', back: 1 }],
    [
      'a rollback that failed',
      of(1, [2, 1], refresh('RollbackFailed', 2)),
      { kind: 'stopped', back: 1 },
    ],
    [
      'going back, cancelled halfway',
      of(2, [2, 1], refresh('Cancelled', 1), refresh('Successful', 2)),
      { kind: 'stopped', left: 2, back: 1 },
    ],
    [
      'cancelled before anything was replaced',
      of(1, [1, 1], refresh('Cancelled', 2)),
      { kind: 'settled', undone: 2 },
    ],
    [
      'rolled back by AWS',
      of(1, [1, 1], refresh('RollbackSuccessful', 2)),
      { kind: 'settled', undone: 2 },
    ],
    [
      'after going back',
      of(1, [1, 1], refresh('Successful', 1), refresh('Successful', 2)),
      { kind: 'settled', undone: 2 },
    ],
    [
      'going back, cancelled before anything was replaced',
      of(2, [2, 2], refresh('Cancelled', 1), refresh('Successful', 2)),
      { kind: 'settled', undone: undefined },
    ],
    [
      'after going back to the saved version',
      of(1, [1, 1], refresh('Successful', 1), refresh('Cancelled', 2)),
      { kind: 'settled', undone: 2 },
    ],
    [
      'after going back to the saved version, cancelled when every instance had it',
      of(1, [1, 1], refresh('Cancelled', 1), { ...refresh('Cancelled', 2), wasTurnedRound: true }),
      { kind: 'settled', undone: 2 },
    ],
    [
      'going back to the saved version',
      of(1, [1, 2], refresh('InProgress', 1), refresh('Cancelled', 2)),
      { kind: 'back', from: 2, to: 1, turnedRound: false },
    ],
    ['an instance of an unknown version', of(2, [2, 1]), { kind: 'stopped', back: 2 }],
    [
      'after a release, with a straggler of the one before',
      of(2, [2, 1], refresh('Successful', 2)),
      { kind: 'settled', undone: undefined },
    ],
    [
      'after a second try that shipped, of what AWS knows nothing before',
      of(2, [2, 2], refresh('Successful', 2), refresh('Cancelled', 2)),
      { kind: 'settled', undone: undefined },
    ],
  ] as const)('%s', (_, direction, expected) => {
    expect(direction).toMatchObject(expected)
  })
})

describe('a refresh to the saved version, or to none,', () => {
  const shipped = refresh('Successful', 2, 'the release')
  test.each([
    ['that runs', refresh('InProgress', 2)],
    ['that names no version', { ...refresh('InProgress', 2), desired: undefined }],
    ['that is reversed', refresh('RollbackInProgress', 2)],
  ])('%s is no change that goes forward or back', (_, running) => {
    const history = { saved: 2, present: [2, 2], refreshes: [running, shipped], recorded: 1 }
    expect(directionOf(history)).toMatchObject({ kind: 'recycling', refreshId: running.id })
  })

  test('condemns nobody when a later release is left for an older one', () => {
    const recycled = { ...refresh('Successful', 2), desired: undefined }
    const refreshes = [refresh('Successful', 1), refresh('Successful', 3), recycled, shipped]
    const history = { saved: 1, present: [1], refreshes, recorded: 3 }
    expect(rolledBackOf(history, launchedBy, [])).toEqual([release(3)])
  })

  test('that was rolled back, longer ago than the change before it is remembered, condemns nobody', () => {
    const recycled = { ...refresh('Successful', 2), desired: undefined }
    for (const [saved, later, recorded] of [
      [2, recycled, undefined],
      [3, refresh('Successful', 3), 2],
    ] as const) {
      const refreshes = [later, refresh('RollbackSuccessful', 2)]
      const history = { saved, present: [saved], refreshes, recorded }
      expect(rolledBackOf(history, launchedBy, [])).toEqual([])
      expect(directionOf(history)).toMatchObject({ kind: 'settled', undone: undefined })
    }
  })
})

describe('what is no change', () => {
  test.each([
    [
      'a cancelled refresh that names no version',
      { ...refresh('Cancelled', 2), desired: undefined },
    ],
    ['a failed refresh to the saved version', refresh('Failed', 2)],
    ['a successful refresh to the saved version', refresh('Successful', 2)],
  ])('%s is not what is undone next', (_, recycling) => {
    const history: GroupHistory = {
      saved: 2,
      present: [2, 2],
      refreshes: [recycling, refresh('Successful', 2, 'the release')],
      recorded: 1,
    }
    expect(directionOf(history)).toEqual({ kind: 'settled', undone: undefined })
    expect(rolledBackOf(history, launchedBy, [])).toEqual([])
  })

  test('the first rollback that AWS still knows of is one, by the version recorded at its start', () => {
    const history: GroupHistory = {
      saved: 2,
      present: [2, 2],
      refreshes: [refresh('Successful', 2)],
      recorded: 3,
    }
    expect(directionOf(history)).toEqual({ kind: 'settled', undone: 3 })
    expect(rolledBackOf(history, launchedBy, [])).toEqual(['release 3'])
  })

  test('the saved version, named by who only replaces instances after a rollback, undoes it no further', () => {
    const history: GroupHistory = {
      saved: 2,
      present: [2],
      refreshes: [
        { id: 'recycle', status: 'Successful', desired: undefined },
        refresh('Cancelled', 2),
        refresh('Successful', 2),
        refresh('RollbackSuccessful', 3),
      ],
      recorded: 2,
    }
    expect(directionOf(history)).toEqual({ kind: 'settled', undone: 3 })
  })

  test.each([
    ['of the same release and image, a setting, condemns nothing', () => 'ami-1', []],
    [
      'of the same release condemns its image alone',
      (version?: number) => `ami-${version}`,
      ['ami-3'],
    ],
  ] as const)('a version that was rolled back %s', (_, image, expected) => {
    const history: GroupHistory = {
      saved: 2,
      present: [2, 2],
      refreshes: [refresh('RollbackSuccessful', 3), refresh('Successful', 2)],
      recorded: 1,
    }
    const sameRelease = (version: number | undefined): Launched => ({
      release: 'release',
      imageId: image(version),
    })
    expect(rolledBackOf(history, sameRelease, [])).toEqual([...expected])
    const shipped = [refresh('Successful', 3), ...history.refreshes]
    expect(rolledBackOf({ ...history, saved: 3, refreshes: shipped }, sameRelease, [])).toEqual([])
  })
})

describe('releases that were rolled back', () => {
  const of = (history: GroupHistory, ...marked: string[]) =>
    rolledBackOf(history, launchedBy, marked)
  const history = (saved: number, ...refreshes: Refresh[]): GroupHistory => ({
    saved,
    present: [saved],
    refreshes,
  })

  test.each([
    ['by AWS', of(history(1, refresh('RollbackSuccessful', 2))), ['release 2']],
    [
      'by a way back that was cancelled',
      of(history(1, { ...refresh('Cancelled', 2), wasTurnedRound: true })),
      ['release 2'],
    ],
    ['by AWS just now', of(history(1, refresh('RollbackInProgress', 2))), ['release 2']],
    [
      'by going back, as soon as that starts',
      of(history(2, refresh('InProgress', 1), refresh('Successful', 2))),
      ['release 2'],
    ],
    [
      'one after the other',
      of(history(1, refresh('RollbackSuccessful', 3), refresh('RollbackSuccessful', 2))),
      ['release 2', 'release 3'],
    ],
    [
      'with a later refresh that names no version',
      of(history(2, { ...refresh('Successful', 2), desired: undefined }), 'release 2'),
      ['release 2'],
    ],
    [
      'and shipped again later',
      of(history(2, refresh('Successful', 2), refresh('RollbackSuccessful', 2)), 'release 2'),
      [],
    ],
    [
      'again, after another',
      of(history(1, refresh('RollbackSuccessful', 2)), 'release 2', 'release 3'),
      ['release 3', 'release 2'],
    ],
    ['longer ago than AWS remembers', of(history(1), 'release 9'), ['release 9']],
    [
      'and a try since that was cancelled',
      of(history(1, refresh('Cancelled', 2)), 'release 2'),
      ['release 2'],
    ],
    ['not: cancelled', of(history(1, refresh('Cancelled', 2))), []],
    ['not: failed', of(history(1, refresh('Failed', 2))), []],
  ])('%s', (_, found, expected) => {
    expect(found).toEqual(expected)
  })
})

test('the versions before are those that were shipped or recorded, the last first', () => {
  const refreshes = [
    refresh('Failed', 6),
    refresh('Successful', 5),
    refresh('Cancelled', 4),
    refresh('Successful', 3),
    refresh('Successful', 2),
  ]
  const before = (recorded: number | undefined) =>
    versionsBefore({ saved: 5, present: [5], refreshes, recorded })
  expect(before(1)).toEqual([3, 2, 1])
  expect(before(5)).toEqual([3, 2])
  expect(before(undefined)).toEqual([3, 2])
})

describe('whatever was done to a group before', () => {
  /** A history as AWS would make it: each refresh begins where the previous one left the group. */
  const histories = fc
    .array(
      fc.record({
        desired: fc.integer({ min: 1, max: 6 }),
        status: fc.constantFrom(
          'Successful' as const,
          'Failed' as const,
          'Cancelled' as const,
          'RollbackSuccessful' as const,
        ),
      }),
      { maxLength: 8 },
    )
    .map((steps) => {
      let saved = 1
      const refreshes: Refresh[] = []
      for (const [index, { desired, status }] of steps.entries()) {
        refreshes.unshift({ id: String(index), status, desired })
        if (status === 'Successful') saved = desired
      }
      return { saved, refreshes }
    })

  test('reversing a release in progress leads to the saved version, never to its own', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 4 }), ({ saved, refreshes }, ahead) => {
        const running: Refresh = { id: 'now', status: 'InProgress', desired: saved + ahead }
        const direction = directionOf({
          saved,
          present: [saved],
          refreshes: [running, ...refreshes],
        })
        expect(direction).toMatchObject({ kind: 'forward', from: saved, to: saved + ahead })
      }),
    )
  })

  test('going back is never mistaken for a release, and the release it leaves is remembered', () => {
    fc.assert(
      fc.property(histories, ({ saved, refreshes }) => {
        fc.pre(saved > 1)
        const running: Refresh = { id: 'now', status: 'InProgress', desired: saved - 1 }
        const history = { saved, present: [saved, saved - 1], refreshes: [running, ...refreshes] }
        expect(directionOf(history)).toMatchObject({ kind: 'back', from: saved, to: saved - 1 })
        expect(rolledBackOf(history, launchedBy, [])).toContain(release(saved))
      }),
    )
  })

  test('a release that succeeded on the whole group does not count as rolled back', () => {
    fc.assert(
      fc.property(histories, ({ saved, refreshes }) => {
        // A new version has the highest number.
        const next = Math.max(saved, ...refreshes.map(({ desired = 0 }) => desired)) + 1
        const shipped: Refresh = { id: 'now', status: 'Successful', desired: next }
        const history = {
          saved: next,
          present: [next],
          refreshes: [shipped, ...refreshes],
        }
        expect(directionOf(history)).toEqual({ kind: 'settled', undone: undefined })
        expect(rolledBackOf(history, launchedBy, [])).not.toContain(release(next))
      }),
    )
  })
})
