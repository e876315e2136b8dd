import { expect, test } from 'bun:test'
import { createLineWriter } from '../../../src/telemetry/line-writer.ts'

/** A sink that behaves as its `mode` says; `written` is what arrived. */
function sink() {
  const state = { written: '', mode: 'well' as 'well' | 'throws' | 'rejects' | 'stalls', opened: 0 }
  const refuse = () => {
    if (state.mode === 'throws') throw new Error('ENOSPC')
    return state.mode === 'rejects'
      ? Promise.reject(new Error('ENOSPC'))
      : new Promise<number>(() => {})
  }
  const open = () => {
    state.opened++
    return {
      write(text: string) {
        if (state.mode !== 'well') return refuse()
        state.written += text
        return text.length
      },
      flush: () => (state.mode === 'stalls' ? new Promise<number>(() => {}) : 0),
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

test('a sink that stalls is given nothing more, and the buffer stays bounded', () => {
  const { state, open } = sink()
  const { write, flush } = createLineWriter(open)
  state.mode = 'stalls'
  const line = `${'x'.repeat(1023)}\n`
  for (let count = 0; count < 100_000; count++) write(line)
  flush()
  expect(state.written).toBe('')
})
