import { expect, test } from 'bun:test'
import { createLineWriter } from '../../../src/telemetry/line-writer.ts'

/** A sink that behaves as its `mode` says; `written` is what arrived. */
function sink() {
  const stalled = Promise.withResolvers<number>()
  const state = {
    written: '',
    mode: 'well' as 'well' | 'throws' | 'rejects' | 'stalls',
    opened: 0,
    /** Lines that it took, and has not written, when it stalled. */
    given: 0,
    resume: () => stalled.resolve(0),
  }
  const refuse = (text: string) => {
    if (state.mode === 'throws') throw new Error('ENOSPC')
    if (state.mode === 'rejects') return Promise.reject(new Error('ENOSPC'))
    state.given += text.split('\n').length - 1
    return stalled.promise
  }
  const open = () => {
    state.opened++
    return {
      write(text: string) {
        if (state.mode !== 'well') return refuse(text)
        state.written += text
        return text.length
      },
      flush: () => (state.mode === 'stalls' ? stalled.promise : 0),
    }
  }
  return { state, open: open as unknown as Parameters<typeof createLineWriter>[0] }
}

test('lines are written in order, in one write', () => {
  const { state, open } = sink()
  const { write, flush } = createLineWriter(open)
  write('one\n')
  write('two\n')
  expect(state.written).toBe('')
  flush()
  expect(state.written).toBe('one\ntwo\n')
})

test.each(['throws', 'rejects'] as const)(
  'a sink that %s is reopened, and lost lines are counted',
  async (mode) => {
    const { state, open } = sink()
    const { write, flush } = createLineWriter(open)
    state.mode = mode
    write('one\n')
    write('two\n')
    flush()
    await Bun.sleep(0)
    state.mode = 'well'
    write('three\n')
    flush()
    expect(state.opened).toBe(2)
    expect(state.written).toBe('\n{"level":"warn","event":"log-lines-lost","count":2}\nthree\n')
  },
)

test('lines that are lost in one failure after another are added up', async () => {
  const { state, open } = sink()
  const { write, flush } = createLineWriter(open)
  for (const mode of ['throws', 'rejects', 'throws'] as const) {
    state.mode = mode
    write('one\n')
    write('two\n')
    flush()
    await Bun.sleep(0)
  }
  state.mode = 'well'
  flush()
  expect(state.opened).toBe(4)
  expect(state.written).toBe('\n{"level":"warn","event":"log-lines-lost","count":6}\n')
})

test('a sink that stalls is given nothing more, a MiB is kept for it, and the rest is counted', async () => {
  const { state, open } = sink()
  const { write, flush } = createLineWriter(open)
  state.mode = 'stalls'
  const line = `${'x'.repeat(1023)}\n`
  for (let count = 0; count < 10_000; count++) write(line)
  flush()
  expect(state.written).toBe('')
  state.mode = 'well'
  state.resume()
  await Bun.sleep(0)
  flush()
  const kept = state.written.split('\n').filter((text) => text.startsWith('x')).length
  const [, lost] = /"count":(\d+)/.exec(state.written) ?? []
  // What the sink was given before it stalled is written by then.
  expect(kept).toBeGreaterThan(1000)
  expect(kept).toBeLessThan(1100)
  expect(kept + Number(lost) + state.given).toBe(10_000)
})
