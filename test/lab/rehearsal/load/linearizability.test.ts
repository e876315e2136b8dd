import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { sayWhatIsLeftOut } from '../../support/left-out.ts'
import { temporaryFolder } from '../../support/process.ts'
import { History } from './history.ts'
import { buildChecker, checkHistory } from './linearizability.ts'

const cannot = await buildChecker()
sayWhatIsLeftOut('checking histories for linearizability', cannot)

/** `u w1 0-1` is a write of 1 for the user u, from 0 to 1; without an end, one whose outcome is unknown. */
const OPERATION = /(\w) ([rw])(\d) (\d)-(\d)?/g

test.skipIf(cannot !== undefined).each([
  ['a read of the value before an acknowledged write', 'u w1 0-1, u w2 2-3, u r1 4-5', ['u']],
  ['a value that comes and goes', 'u w1 0-1, u w2 2-, u r2 4-5, u r1 6-7', ['u']],
  ['either value while a write is in flight', 'u w1 0-1, u w2 2-9, u r1 3-4, u r2 5-6', []],
  ['an unknown write that takes effect later', 'u w1 0-1, u w2 2-, u r1 4-5, u r2 6-7', []],
  ['an unknown write that never does', 'u w1 0-1, u w2 2-, u w3 4-5, u r3 6-7', []],
  ['values of different users', 'u w1 0-1, v w2 2-3, u r1 4-5', []],
])('a history with %s is judged correctly', async (_, text, violations) => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'history.jsonl')
  const history = new History(path)
  const operations = [...text.matchAll(OPERATION)]
  for (const [, user = '', kind, value = '', begin, end] of operations) {
    history.add(user, kind as 'r' | 'w', value, Number(begin), end ? Number(end) : null)
  }
  await history.close()
  const { length } = operations
  expect(await checkHistory(path)).toMatchObject({ operations: length, violations, undecided: [] })
})
