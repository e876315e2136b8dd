import { describe, expect, setSystemTime, test } from 'bun:test'
import { join } from 'node:path'
import fc from 'fast-check'
import { type Latencies, note, percentileOf } from '../../../scripts/lib/probe/histogram.ts'
import { canary, greeting as expectedGreeting, root } from '../../../scripts/lib/service.ts'
import { daysUntilBirthday, greeting, parseDate } from '../../../src/birthdays/birthday.ts'
import { RULES } from './balancer/configuration.ts'
import { ALARM_MINUTES } from './fleet/alarm-watch.ts'
import { GROUP_RULES } from './fleet/cloud.ts'
import { ExpectedUser } from './load/expected-user.ts'

/** The number that `name` is set to in a file of terraform/. */
async function terraform(file: string, name: string): Promise<number> {
  const text = await Bun.file(join(root, 'terraform', file)).text()
  const found = new RegExp(`^\\s*${name}\\s*=\\s*(\\d+)$`, 'm').exec(text)
  if (!found) throw new Error(`terraform/${file} sets no ${name}`)
  return Number(found[1])
}

describe('the rehearsal uses the settings of terraform/', () => {
  const ofLoadBalancer = {
    idle_timeout: RULES.idle,
    interval: RULES.interval,
    timeout: RULES.timeout,
    healthy_threshold: RULES.healthy,
    unhealthy_threshold: RULES.unhealthy,
    deregistration_delay: RULES.deregistration,
  }
  for (const [name, ours] of Object.entries(ofLoadBalancer)) {
    test(`of the load balancer: ${name}`, async () => {
      expect(await terraform('load_balancer.tf', name)).toBe(ours)
    })
  }

  test('of the alarms: their minutes', async () => {
    const text = await Bun.file(join(root, 'terraform/alarms.tf')).text()
    const found = [...text.matchAll(/^ {4}([a-z0-9-]+) = \{.*?minutes += (\d+)/gms)]
    expect(Object.fromEntries(found.map(([, name, minutes]) => [name, Number(minutes)]))).toEqual(
      ALARM_MINUTES,
    )
  })

  const ofGroup = {
    health_check_grace_period: GROUP_RULES.grace,
    default_instance_warmup: GROUP_RULES.warmup,
    min_healthy_percentage: GROUP_RULES.minHealthy,
    max_healthy_percentage: GROUP_RULES.maxHealthy,
  }
  for (const [name, ours] of Object.entries(ofGroup)) {
    test(`of the group: ${name}`, async () => {
      expect(await terraform('group.tf', name)).toBe(ours)
    })
  }
})

describe.skipIf(!canary)('the clients', () => {
  const keys = canary as NonNullable<typeof canary>
  const answer = (value: string, now = new Date()) =>
    JSON.stringify({ message: expectedGreeting('Ada', value, now) })

  test('know the correct greeting for every user they write, on every day', () => {
    const days = fc.date({
      min: new Date('2024-01-01'),
      max: new Date('2033-12-31'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(fc.nat(99), days, (turn, now) => {
        const date = keys.value(turn)
        const today = Temporal.PlainDate.from(now.toISOString().slice(0, 10))
        const until = daysUntilBirthday(parseDate(date) as Temporal.PlainDate, today)
        expect(expectedGreeting('Ada', date, now)).toBe(greeting('Ada', until))
      }),
    )
  })

  test('accept the response for one value only for that value, in any time zone', () => {
    const values = Array.from({ length: 100 }, (_, turn) => keys.value(turn))
    const now = new Date()
    for (const value of values) {
      const right = values.filter((each) => keys.read('Ada', each).isRight(answer(value), now, now))
      expect(right).toEqual([value])
    }
  })

  test('write users with unique names of letters', () => {
    const names = Array.from({ length: 5000 }, (_, index) => keys.keyOf('Rate', index))
    expect(names.every((name) => /^[A-Za-z]{1,64}$/.test(name))).toBe(true)
    expect(new Set(names).size).toBe(5000)
  })

  test('accept the last acknowledged write, and nothing older', () => {
    const ada = new ExpectedUser(keys, 'Ada')
    const first = ada.next(0)
    ada.written(first)
    const second = ada.next(0)
    expect(second).not.toBe(first)
    const accepts = (value: string) => ada.accepts(answer(value), new Date())
    // In flight: the service may return either.
    expect([accepts(first), accepts(second)]).toEqual([true, true])
    ada.written(second)
    expect([accepts(first), accepts(second)]).toEqual([false, true])
    expect(ada.accepts('{"message":"Hello, Ada!"}', new Date())).toBe(false)
  })

  test('accept for a minute that a failed write takes effect late', () => {
    const ada = new ExpectedUser(keys, 'Ada')
    ada.written(ada.next(0))
    const lost = ada.next(0)
    ada.failed(lost)
    const third = ada.next(0)
    ada.written(third)
    const accepts = (value: string) => ada.accepts(answer(value), new Date())
    expect([accepts(lost), accepts(third)]).toEqual([true, true])
    setSystemTime(Date.now() + 61_000)
    ada.written(ada.next(0))
    expect(accepts(lost)).toBe(false)
    setSystemTime()
  })
})

test('a percentile is accurate to two percent', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.05, max: 20_000, noNaN: true }), { minLength: 1 }),
      fc.constantFrom(1, 50, 90, 99, 100),
      (times, percent) => {
        const latencies: Latencies = {}
        for (const ms of times) note(latencies, ms)
        const exact = times.toSorted((a, b) => a - b)[
          Math.max(1, Math.ceil((percent / 100) * times.length)) - 1
        ] as number
        const told = percentileOf(latencies, percent) as number
        expect(Math.abs(told / exact - 1)).toBeLessThan(0.02)
      },
    ),
  )
})
