import { afterEach, expect, jest, spyOn, test } from 'bun:test'
import type { Aws } from '../../../scripts/lib/aws/clients.ts'
import { LostAnswer } from '../../../scripts/lib/aws/errors.ts'
import { cancelRefresh } from '../../../scripts/lib/fleet/refresh.ts'

afterEach(() => jest.restoreAllMocks())

const refused = (name: string, attempts = 1) =>
  Object.assign(new Error(name), { name, $metadata: { attempts, httpStatusCode: 400 } })

/** AWS refuses to cancel, with `refusal`; asked for refreshes, it gives these answers, one after another. */
const awsThat = (refusal: Error, ...answers: (Error | object[])[]): Aws => {
  const send = async ({ constructor: { name } }: object) => {
    const answer = name.startsWith('Cancel') ? refusal : answers.shift()
    if (answer instanceof Error) throw answer
    return { InstanceRefreshes: answer }
  }
  return { autoScaling: { send } } as unknown as Aws
}

const BEFORE = { InstanceRefreshId: 'one', Status: 'Successful' }
const STOPPED = { InstanceRefreshId: 'two', Status: 'Cancelling' }
const NOTHING = 'ActiveInstanceRefreshNotFound'

test('a cancellation whose answer was lost is found when AWS lists the refresh late', async () => {
  spyOn(Bun, 'sleep').mockResolvedValue()
  const aws = awsThat(refused(NOTHING, 2), [BEFORE], [BEFORE], [STOPPED, BEFORE])
  expect(await cancelRefresh(aws, 'g', 'one')).toBeUndefined()
})

test('a cancellation of nothing, sent once, is refused at once', async () => {
  expect(cancelRefresh(awsThat(refused(NOTHING), [BEFORE]), 'g', 'one')).rejects.toThrow(NOTHING)
})

test('a cancellation that may have been carried out is not called refused where AWS can no longer be asked', async () => {
  const aws = awsThat(refused(NOTHING, 2), refused('ExpiredToken'))
  expect(cancelRefresh(aws, 'g')).rejects.toBeInstanceOf(LostAnswer)
})
