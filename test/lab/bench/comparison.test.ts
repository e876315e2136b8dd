import { describe, expect, test } from 'bun:test'
import { median } from '../../../scripts/lib/probe/statistics.ts'
import { priceOf } from '../support/prices.ts'
import { compare, doubts, summarize } from './comparison.ts'
import { assignCores } from './cores.ts'
import { requestsPerDollar } from './cost.ts'
import type { Latency } from './fixed-rate.ts'
import type { ContenderName } from './options.ts'
import { plot } from './plot.ts'
import { orderOfRound, type Sample } from './rounds.ts'
import { medianLatencies } from './steady.ts'
import { judge } from './targets.ts'
import type { Figures } from './wrk.ts'

/** A round with the same figures for GET and PUT. */
function sample(figures: Partial<Figures> = {}, firstAnswerMs = 50): Sample {
  const all: Figures = {
    requestsPerSecond: 50_000,
    p50Ms: 1,
    p99Ms: 3,
    cpuMicrosPerRequest: 20,
    serverShare: 0.99,
    idleShare: 0,
    residentBytes: 80e6,
    ...figures,
  }
  return { GET: all, PUT: all, firstAnswerMs }
}

/** The targets that these samples miss. */
function missed(
  samples: Parameters<typeof summarize>[0],
  {
    production = false,
    latencies = [] as Latency[],
    syncsPerSecond = undefined as number | undefined,
  } = {},
): string[] {
  const measured = { rows: summarize(samples), ratios: compare(samples), latencies, syncsPerSecond }
  return judge(measured, { production, workers: 1 })
    .filter(({ met }) => !met)
    .map(({ target }) => target)
}

/** A p99 at half of the contender's maximum. */
function atHalf(contender: ContenderName, p99Ms: number, lagP99Ms = 0.1): Latency {
  const rest = { requestsPerSecond: 20_000, p50Ms: 0.5, p999Ms: 9 }
  return { contender, method: 'GET', share: 0.5, p99Ms, lagP99Ms, ...rest }
}

test('the median of an even number of values is halfway between the middle two', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([10, 1, 3, 2])).toBe(2.5)
})

test('latencies are the medians of their rounds, each at its own rate', () => {
  const rounds = [3, 40, 5].map((p99Ms) => [atHalf('gin', p99Ms), atHalf('gin', p99Ms * 2)])
  expect(medianLatencies(rounds).map(({ p99Ms }) => p99Ms)).toEqual([5, 10])
  expect(medianLatencies([])).toEqual([])
})

test('every contender takes every place once in as many rounds as there are contenders', () => {
  const names = ['a', 'b', 'c', 'd']
  const orders = names.map((_, round) => orderOfRound(names, round))
  for (const place of names.keys()) {
    expect(orders.map((order) => order[place]).toSorted()).toEqual(names)
  }
})

test('a row has the medians over the rounds', () => {
  const rounds = [10, 30, 20].map((cpu) => sample({ cpuMicrosPerRequest: cpu }, cpu * 2))
  const [row] = summarize({ service: rounds })
  expect(row).toMatchObject({ contender: 'service', method: 'GET', cpuMicrosPerRequest: 20 })
  expect(row?.firstAnswerMs).toBe(40)
})

test('ratios are taken within each round, so that a slow spell of the machine affects both sides', () => {
  const quiet = sample({ requestsPerSecond: 60_000 })
  const busy = sample({ requestsPerSecond: 30_000 })
  const half = [sample({ requestsPerSecond: 30_000 }), sample({ requestsPerSecond: 15_000 })]
  const [ratio] = compare({ service: [quiet, busy], gin: half })
  expect(ratio).toMatchObject({ peer: 'gin', method: 'GET', requestsPerSecond: 2 })
})

describe('targets', () => {
  const service = [sample()]

  test('are met at 2.2 times gin, 1.4 times plain, within one and a half of the floor', () => {
    expect(
      missed({
        service,
        gin: [sample({ cpuMicrosPerRequest: 45 })],
        plain: [sample({ cpuMicrosPerRequest: 29 })],
        floor: [sample({ cpuMicrosPerRequest: 14 })],
      }),
    ).toEqual([])
  })

  test('are missed just short of that, each listed by name', () => {
    expect(
      missed({
        service: [sample({ residentBytes: 101e6, p99Ms: 4 }, 121)],
        gin: [sample({ cpuMicrosPerRequest: 43 })],
        plain: [sample({ cpuMicrosPerRequest: 27 })],
        floor: [sample({ cpuMicrosPerRequest: 13 })],
      }),
    ).toEqual([
      "GET: 2.2 x gin's requests/s per core",
      "GET: p99 no worse than gin's",
      "PUT: 2.2 x gin's requests/s per core",
      "PUT: p99 no worse than gin's",
      "GET: 1.4 x plain's requests/s per core",
      "PUT: 1.4 x plain's requests/s per core",
      "GET: CPU within 1.5 x the floor's",
      'first 200 within 120 ms of start',
      'below 100 MB resident under load, each worker',
    ])
  })

  test('are left out when they need a contender that was not measured', () => {
    const measured = { rows: summarize({ floor: [sample()] }), ratios: [], latencies: [] }
    expect(judge(measured, { production: false, workers: 1 })).toEqual([])
  })

  test('in production, ask to be ahead of plain, not more', () => {
    const samples = { service, plain: [sample({ cpuMicrosPerRequest: 21 })] }
    expect(missed(samples, { production: true })).toEqual([])
    expect(missed(samples)).toContain("GET: 1.4 x plain's requests/s per core")
  })

  test('at half load compare p99 with that of gin', () => {
    const samples = { service, gin: [sample({ cpuMicrosPerRequest: 50 })] }
    const latencies = [atHalf('service', 2), atHalf('gin', 1)]
    expect(missed(samples, { latencies })).toEqual(["GET: p99 at 50 % no worse than gin's"])
  })

  test('for durable PUTs are the lower of 10,000 and what the disk syncs', () => {
    const slow = { service: [sample({ requestsPerSecond: 5_000 })] }
    expect(missed(slow, { syncsPerSecond: 4_000 })).toEqual([])
    expect(missed(slow, { syncsPerSecond: 20_000 })).toEqual([
      "10000 durable PUT/s, or the disk's 20000/s",
    ])
  })

  test('that are missed say by how much', () => {
    const rows = summarize({ service: [sample({ residentBytes: 125e6 })] })
    const [, memory] = judge({ rows, ratios: [], latencies: [] }, { production: false, workers: 1 })
    expect(memory).toMatchObject({ measured: '125 MB', met: false, missedBy: 0.25 })
  })
})

test('reports a server that did not get most of its core, with the reason', () => {
  const lines = (figures: Partial<Figures>) => doubts(summarize({ gin: [sample(figures)] }))
  expect(lines({ serverShare: 0.97 })).toEqual([])
  expect(lines({ serverShare: 0.7, idleShare: 0.3 })).toContain(
    'GET gin had 70 % of its core: the load could not keep up',
  )
  expect(lines({ serverShare: 0.7, idleShare: 0 })).toContain(
    'PUT gin had 70 % of its core: something else used the core as well',
  )
})

test('reports a fixed rate that the load could not keep', () => {
  expect(doubts([], [atHalf('gin', 9, 0.9)])).toEqual([])
  expect(doubts([], [atHalf('gin', 9, 4)])).toEqual([
    'GET gin at 50 %: the load itself was up to 4.0 ms late in 99 of 100 requests',
  ])
})

test('the load gets the cores that the server leaves, or shares the last one', () => {
  expect(assignCores(1, 2)).toEqual({ server: [0], load: [1] })
  expect(assignCores(2, 4)).toEqual({ server: [0, 1], load: [2, 3] })
  expect(assignCores(2, 2)).toEqual({ server: [0, 1], load: [1] })
})

test('a dollar buys what the CPU credits of an instance serve', () => {
  const seconds = 3600 / priceOf('t4g.small')
  expect(requestsPerDollar(20)).toBeCloseTo((seconds * 2 * 0.2) / 20e-6, 0)
})

test('the picture has a bar for each contender and figure', () => {
  const rows = summarize({ service: [sample()], gin: [sample()] })
  const svg = plot(rows, [atHalf('service', 2), atHalf('gin', 1)])
  expect(svg.match(/<rect /g)).toHaveLength(2 * 2 * 3 + 2)
  expect(svg).toContain("GET: p99 ms at 50 % of each one's maximum")
})
