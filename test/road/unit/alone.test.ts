import { expect, test } from 'bun:test'
import { LoneRelease } from '../../../scripts/lib/probe/alone.ts'

const SECOND = 1000

/** Ten responses a second, from `from` to `to` (seconds); every `every`th fails, none if 0. */
function respond(
  release: LoneRelease,
  [from, to]: [number, number],
  { every, isNew = true }: { every: number; isNew?: boolean },
): void {
  for (let count = 0; count < (to - from) * 10; count++) {
    const failed = every > 0 && count % every === 0
    release.add({ at: from * SECOND + count * 100, isNew, failed })
  }
}

test('a release that fails every second request of a minute is to blame once it runs alone', () => {
  const release = new LoneRelease()
  respond(release, [0, 60], { every: 0, isNew: false })
  respond(release, [60, 90], { every: 2 })
  expect(release.blame(0)).toBeUndefined()
  respond(release, [90, 121], { every: 2 })
  expect(release.blame(0)).toContain('alone for a minute, failed')
})

test('a store that is away for half a minute condemns nobody', () => {
  const release = new LoneRelease()
  respond(release, [0, 100], { every: 0 })
  respond(release, [100, 135], { every: 2 })
  expect(release.blame(0)).toBeUndefined()
  respond(release, [135, 200], { every: 0 })
  expect(release.blame(0)).toBeUndefined()
})

test('what the others failed too is not to blame, nor is a release that is not alone', () => {
  const release = new LoneRelease()
  respond(release, [0, 100], { every: 2 })
  expect(release.blame(0.3)).toBeUndefined()
  expect(release.blame(0.1)).toBeDefined()
  release.add({ at: 100 * SECOND, isNew: false, failed: false })
  respond(release, [100, 150], { every: 2 })
  expect(release.blame(0)).toBeUndefined()
})

test('while the probe slept, nobody was alone', () => {
  const release = new LoneRelease()
  respond(release, [0, 60], { every: 0, isNew: false })
  respond(release, [60, 70], { every: 0 })
  respond(release, [1800, 1830], { every: 1 })
  expect(release.blame(0)).toBeUndefined()
  respond(release, [1830, 1851], { every: 1 })
  expect(release.blame(0)).toBeDefined()
})

test('failures within the budget are not to blame', () => {
  const release = new LoneRelease()
  respond(release, [0, 1], { every: 0, isNew: false })
  respond(release, [1, 70], { every: 2 })
  expect(release.blame(0, 10)).toBeDefined()
  expect(release.blame(0, 1000)).toBeUndefined()
})

test('a few responses are no evidence', () => {
  const release = new LoneRelease()
  for (let count = 0; count < 15; count++) {
    release.add({ at: count * 10 * SECOND, isNew: true, failed: true })
  }
  expect(release.blame(0)).toBeUndefined()
})
