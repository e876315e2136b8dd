import { describe, expect, test } from 'bun:test'
import { batchesOf, fittingCheckpoints } from '../../../scripts/lib/fleet/refresh.ts'
import {
  type Figures,
  failuresText,
  type Sample,
  Tally,
} from '../../../scripts/lib/probe/figures.ts'
import type { Observation } from '../../../scripts/lib/probe/observe.ts'
import { type Finding, likelyCause } from '../../../scripts/lib/rollout/evidence.ts'
import { type Ending, verdictOf } from '../../../scripts/lib/rollout/verdict.ts'

describe('checkpoints', () => {
  test.each([
    [[50, 100], 1, [100]],
    [[50, 100], 2, [50, 100]],
    [[50, 100], 3, [50, 100]],
    [[10, 40, 100], 2, [40, 100]],
    [[10, 40, 100], 10, [10, 40, 100]],
    [[25, 50, 100], 3, [25, 50, 100]],
    [[100], 4, [100]],
  ])('%j fit a group of %d as %j', (wanted, desired, fitting) => {
    expect(fittingCheckpoints(wanted, desired)).toEqual(fitting)
  })

  test.each([
    [[50, 100], 3, 200, 2],
    [[50, 100], 2, 200, 2],
    [[100], 1, 200, 1],
    [[100], 10, 110, 10],
    [[50, 100], 10, 150, 2],
    [[], 4, 200, 1],
  ])('%j in a group of %d with at most %d %% take %d batches', (points, desired, most, batches) => {
    expect(batchesOf(points, desired, most)).toBe(batches)
  })
})

function figuresOf(samples: Sample[], startedAt: number, endedAt: number): Figures {
  const tally = new Tally(startedAt)
  for (const sample of samples) tally.add(sample)
  return tally.figures(endedAt)
}

describe('figures', () => {
  const sample = (at: number, ms: number, failure?: Sample['failure']): Sample => ({
    at,
    ms,
    phase: at < 1000 ? 'before' : 'during',
    ...(failure ? { failure, detail: `GET /hc at ${at}` } : {}),
  })

  test('count failures by kind and leave them out of the latencies', () => {
    const samples = [sample(100, 1), sample(1100, 3), sample(1200, 900, '502'), sample(1300, 5)]
    const { requests, failed, failures, phases } = figuresOf(samples, 0, 1400)
    expect({ requests, failed, failures }).toEqual({
      requests: 4,
      failed: 1,
      failures: { '502': 1 },
    })
    expect(phases.before).toMatchObject({ requests: 1, failed: 0 })
    expect(phases.before.p50).toBeCloseTo(1, 1)
    expect(phases.during).toMatchObject({ requests: 3, failed: 1 })
    expect(phases.during.p50).toBeCloseTo(3, 1)
    expect(phases.during.p99).toBeCloseTo(5, 1)
    expect(phases.after).toEqual({ requests: 0, failed: 0, p50: null, p99: null })
  })

  test('show the first failure of each kind, with its request', () => {
    const samples = [sample(5, 1, '502'), sample(6, 1, 'timeout'), sample(7, 1, '502')]
    expect(failuresText(figuresOf(samples, 0, 10))).toBe(
      '2 502 (GET /hc at 5), 1 timeout (GET /hc at 6)',
    )
    expect(failuresText(figuresOf([sample(5, 1)], 0, 10))).toBe('')
  })

  test('measure the longest time without a correct response, including both ends', () => {
    const gap = (samples: Sample[], end: number) => figuresOf(samples, 0, end).longestGapSeconds
    expect(gap([sample(100, 1), sample(600, 1, 'timeout'), sample(900, 1)], 1000)).toBe(0.8)
    expect(gap([sample(700, 1), sample(900, 1)], 1000)).toBe(0.7)
    expect(gap([sample(100, 1)], 3000)).toBe(2.9)
    expect(gap([], 2000)).toBe(2)
  })
})

describe('the verdict', () => {
  const good: Observation = { seen: ['i-1'], inService: 1, ok: true, problem: '' }
  const figures = (failed: number) => ({ ...figuresOf([], 0, 0), requests: 100, failed })
  const verdict = (
    status: Ending['status'],
    options: { observed?: Observation; failed?: number; budget?: number; back?: boolean } = {},
  ) => {
    const { observed = good, failed = 0, budget = 0, back = false } = options
    return verdictOf({ status, reason: 'why' }, observed, figures(failed), budget, back).verdict
  }

  test.each([
    ['Successful', {}, 'shipped'],
    ['Successful', { failed: 1 }, 'failed'],
    ['Successful', { failed: 3, budget: 3 }, 'shipped'],
    ['Successful', { failed: 99, budget: Infinity }, 'shipped'],
    ['Successful', { observed: { ...good, ok: false, problem: 'one is missing' } }, 'failed'],
    ['RollbackSuccessful', {}, 'rolled back'],
    ['RollbackSuccessful', { back: true }, 'shipped'],
    ['RollbackFailed', {}, 'failed'],
    ['RollbackFailed', { back: true }, 'failed'],
    ['Failed', {}, 'failed'],
    ['Cancelled', {}, 'cancelled'],
    ['timed out', {}, 'timed out'],
    ['lost sight', {}, 'lost sight'],
  ] as const)('of %s with %j is %s', (status, options, expected) => {
    expect<string>(verdict(status, options)).toBe(expected)
  })

  test('of a way back counts only the requests that failed after it', () => {
    const { phases } = figures(0)
    const judge = (after: number) =>
      verdictOf(
        { status: 'Successful', reason: '' },
        good,
        { ...figures(5), phases: { ...phases, after: { ...phases.after, failed: after } } },
        0,
        true,
      )
    expect(judge(0)).toEqual({ verdict: 'shipped', reason: '' })
    expect(judge(1)).toEqual({
      verdict: 'failed',
      reason: 'every instance serves the release, but 1 of 100 requests failed (budget 0)',
    })
  })

  test.each<[Ending, Observation | undefined, object]>([
    [{ status: 'Failed', reason: 'no capacity' }, good, { reason: 'no capacity' }],
    [{ status: 'Failed', reason: '' }, good, { reason: 'Failed' }],
    [
      { status: 'Successful', reason: '', blame: 'it is slow' },
      good,
      { verdict: 'failed', reason: 'AWS reports success, but it is slow' },
    ],
    [
      { status: 'Successful', reason: '' },
      { ...good, ok: false, problem: 'one is missing' },
      { reason: 'AWS reports success, but one is missing' },
    ],
    [
      { status: 'Successful', reason: '' },
      undefined,
      { verdict: 'shipped', reason: 'according to AWS only: nothing was observed' },
    ],
  ])('gives its reason: %j', (ending, observed, expected) => {
    expect(verdictOf(ending, observed, undefined, 0, false)).toMatchObject(expected)
  })
})

describe('the likely cause', () => {
  const finding = (text: string, targetReason = '', targetDescription = ''): Finding => ({
    id: 'i-1',
    text,
    targetReason,
    targetDescription,
  })

  test.each([
    ['Main process exited, code=exited, status=78/CONFIG', 'rejects its configuration'],
    ['Failed at step EXEC: status=203/EXEC', 'cannot be run'],
    [
      'app@9464.service: A process of this unit has been killed by the OOM killer (oom-kill)',
      'memory',
    ],
    [
      'AccessDeniedException: not authorized to perform: ssm:GetParameters',
      'not allowed to read its secrets',
    ],
    ['ParameterNotFound: /notes/production/tokens', 'scripts/secrets'],
    ['redis: connect ECONNREFUSED 10.0.0.9:6379', 'store cannot be reached'],
    ['== hc\n{"status":"starting"}', 'no successful round trip'],
    ['listen EADDRINUSE 0.0.0.0:5000', 'port is taken'],
  ])('of %j says %s', (text, part) => {
    expect(likelyCause([finding('nothing special'), finding(text)], [], '')).toContain(part)
  })

  test.each([
    ['Target.ResponseCodeMismatch', '/hc does not return 200'],
    ['Target.Timeout', 'does not answer in time'],
    ['Target.FailedHealthChecks', 'nothing answers on the service'],
    ['Target.Other', 'the load balancer reports Target.Other'],
  ])('falls back to the load balancer’s %s', (reason, part) => {
    expect(likelyCause([finding('', reason, 'codes: [503]')], [], 'why')).toContain(part)
  })

  test('prefers a failed launch, then an alarm, then the target, then the status', () => {
    const nothing = [finding('', 'Target.Timeout')]
    expect(likelyCause(nothing, ['no capacity'], 'Alarm x')).toContain('no capacity')
    expect(likelyCause(nothing, [], 'Alarm x is in ALARM')).toContain('an alarm stopped it')
    expect(likelyCause([], [], 'Cancelled by a person')).toBe('Cancelled by a person')
    expect(likelyCause([], [], '')).toContain('does not show it')
  })
})
