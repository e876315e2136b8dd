import { describe, expect, test } from 'bun:test'
import { median } from '../../scripts/lib/statistics.ts'
import { compare, doubts, summarize } from './comparison.ts'
import { orderOfRound, type Sample } from './rounds.ts'
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
function missed(samples: Parameters<typeof summarize>[0]): string[] {
  return judge(summarize(samples), compare(samples))
    .filter(({ met }) => !met)
    .map(({ target }) => target)
}

test('the median of an even number of values is halfway between the middle two', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([10, 1, 3, 2])).toBe(2.5)
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

  test('are met at twice gin, ahead of plain, within one and a half of the floor', () => {
    expect(
      missed({
        service,
        gin: [sample({ cpuMicrosPerRequest: 40 })],
        plain: [sample({ cpuMicrosPerRequest: 21 })],
        floor: [sample({ cpuMicrosPerRequest: 14 })],
      }),
    ).toEqual([])
  })

  test('are missed just short of that, each listed by name', () => {
    expect(
      missed({
        service: [sample({ residentBytes: 101e6, p99Ms: 4 }, 121)],
        gin: [sample({ cpuMicrosPerRequest: 39 })],
        plain: [sample({ cpuMicrosPerRequest: 19 })],
        floor: [sample({ cpuMicrosPerRequest: 13 })],
      }),
    ).toEqual([
      "GET: 2 x gin's requests/s per core",
      "GET: p99 no worse than gin's",
      "PUT: 2 x gin's requests/s per core",
      "PUT: p99 no worse than gin's",
      "GET: ahead of plain's requests/s per core",
      "PUT: ahead of plain's requests/s per core",
      "GET: CPU within 1.5 x the floor's",
      'first 200 within 120 ms of start',
      'below 100 MB resident under load',
    ])
  })

  test('are left out when they need a contender that was not measured', () => {
    expect(judge(summarize({ floor: [sample()] }), compare({ floor: [sample()] }))).toEqual([])
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
