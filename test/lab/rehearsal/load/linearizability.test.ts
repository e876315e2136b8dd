import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { sayWhatIsLeftOut } from '../../support/left-out.ts'
import { temporaryFolder } from '../../support/process.ts'
import { History } from './history.ts'
import { buildChecker, checkHistory } from './linearizability.ts'

const cannot = await buildChecker()
sayWhatIsLeftOut('checking histories for linearizability', cannot)

type Operation = Parameters<History['add']>

async function violationsOf(operations: Operation[]): Promise<string[]> {
  using folder = temporaryFolder()
  const path = join(folder.path, 'history.jsonl')
  const history = new History(path)
  for (const operation of operations) history.add(...operation)
  await history.close()
  const found = await checkHistory(path)
  expect(found?.operations).toBe(operations.length)
  expect(found?.undecided).toEqual([])
  return found?.violations ?? []
}

test.skipIf(cannot !== undefined).each<[string, Operation[], boolean]>([
  [
    'a read of the value before an acknowledged write',
    [
      ['u', 'w', '1', 0, 1],
      ['u', 'w', '2', 2, 3],
      ['u', 'r', '1', 4, 5],
    ],
    false,
  ],
  [
    'a value that comes and goes again',
    [
      ['u', 'w', '1', 0, 1],
      ['u', 'w', '2', 2, null],
      ['u', 'r', '2', 4, 5],
      ['u', 'r', '1', 6, 7],
    ],
    false,
  ],
  [
    'either value while a write is in flight',
    [
      ['u', 'w', '1', 0, 1],
      ['u', 'w', '2', 2, 9],
      ['u', 'r', '1', 3, 4],
      ['u', 'r', '2', 5, 6],
    ],
    true,
  ],
  [
    'an unknown write that takes effect later',
    [
      ['u', 'w', '1', 0, 1],
      ['u', 'w', '2', 2, null],
      ['u', 'r', '1', 4, 5],
      ['u', 'r', '2', 6, 7],
    ],
    true,
  ],
  [
    'an unknown write that never does',
    [
      ['u', 'w', '1', 0, 1],
      ['u', 'w', '2', 2, null],
      ['u', 'w', '3', 4, 5],
      ['u', 'r', '3', 6, 7],
    ],
    true,
  ],
  [
    'values of different users',
    [
      ['u', 'w', '1', 0, 1],
      ['v', 'w', '2', 2, 3],
      ['u', 'r', '1', 4, 5],
    ],
    true,
  ],
])('a history with %s is judged correctly', async (_, operations, isLinearizable) => {
  expect((await violationsOf(operations)).length === 0).toBe(isLinearizable)
})
