import { canary } from '../../../../scripts/lib/domain/canary.ts'
import { type CanaryRequest, NO_CANARY, service } from '../../../../scripts/lib/service.ts'
import type { Scenario } from './scenario.ts'

export const mixed: Scenario = {
  shows: 'cancelled halfway: both releases keep serving the same data, in both directions',
  releases: ['a', 'b'],
  async play(rehearsal) {
    const going = rehearsal.rollOut('b')
    await rehearsal.checkpoint()
    rehearsal.mark('cancelled')
    const code = await rehearsal.script('rollout', ['cancel', '--poll-seconds', '1'], 'cancel.log')
    rehearsal.expect('scripts/rollout cancel exits with 0', code === 0, `exit code ${code}`)
    const { exitCode, verdict = 'no verdict' } = await going
    rehearsal.expect('the rollout exits with 4', exitCode === 4, `${exitCode}, ${verdict}`)
    const [[a], [b]] = [rehearsal.serving('a'), rehearsal.serving('b')]
    if (!a?.privateIp || !b?.privateIp) throw new Error('one of the releases does not serve')
    for (const [writer, reader, how] of [
      [a.privateIp, b.privateIp, 'what a writes, b reads'],
      [b.privateIp, a.privateIp, 'what b writes, a reads'],
    ] as const) {
      const wrong = await crossCheck(writer, reader, rehearsal.token)
      rehearsal.expect(
        how,
        !wrong?.length,
        wrong ? (wrong[0] ?? '100 keys written, read, replaced and deleted') : 'no canary',
      )
    }
    const served = [rehearsal.serving('a').length, rehearsal.serving('b').length]
    rehearsal.expect(
      'both releases keep serving',
      Math.min(...served) > 0,
      `${served[0]} of a, ${served[1]} of b`,
    )
  },
}

const KEYS = 100

/** Writes, replaces and deletes on one instance and reads on another. Returns what was wrong; undefined without a canary. */
async function crossCheck(
  writer: string,
  reader: string,
  token: string,
): Promise<string[] | undefined> {
  if (canary === NO_CANARY) return undefined
  const wrong: string[] = []
  const ask = async (address: string, request: CanaryRequest) => {
    const { method, path, body, status } = request
    const sentAt = new Date()
    const response = await fetch(`http://${address}:${service.port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.text()
    if (response.status === status && request.isRight(text, sentAt, new Date())) return
    wrong.push(`${method} ${path} returned ${response.status} ${text}`)
  }
  for (let index = 0; index < KEYS; index++) {
    const key = canary.keyOf('Cross', index)
    for (const value of [canary.value(index), canary.value(index + 1)]) {
      await ask(writer, canary.write(key, value))
      await ask(reader, canary.read(key, value))
    }
    await ask(writer, canary.remove(key))
    await ask(reader, canary.readNothing(key))
  }
  return wrong
}
