import { AsyncLocalStorage } from 'node:async_hooks'

/** A machine of its own, on which nothing happens while it sleeps. */
export interface Sleeper {
  asleepUntil: number
}

/** On which machine something runs. */
const machine = new AsyncLocalStorage<Sleeper>()

/** Not setTimeout, which is virtual: when this fires, every promise that can make progress has done so. */
const settle = setImmediate

interface Event {
  at: number
  order: number
  run: () => void
}

/** Time that passes only when everything is waiting: replaces the clocks and timers of this process. */
export class VirtualTime implements Disposable {
  now = Date.UTC(2026, 0, 1)
  private readonly queue: Event[] = []
  private readonly cancelled = new Set<number>()
  private order = 0
  private readonly restore: (() => void)[] = []

  constructor(random: () => number, fetch: (request: Request) => Promise<Response>) {
    const started = this.now
    this.replace(Date, 'now', () => this.now)
    this.replace(performance, 'now', () => this.now - started)
    this.replace(globalThis, 'setTimeout', (run: () => void, ms = 0) => this.after(ms, run))
    this.replace(globalThis, 'setInterval', (run: () => void, ms = 0) => this.every(ms, run))
    for (const name of ['clearTimeout', 'clearInterval'] as const) {
      this.replace(globalThis, name, (id: number | undefined) => {
        if (id !== undefined) this.cancelled.add(id)
      })
    }
    this.replace(Bun, 'sleep', (ms: number) => this.sleep(ms))
    this.replace(AbortSignal, 'timeout', () => new AbortController().signal)
    this.replace(Math, 'random', random)
    this.replace(crypto, 'randomUUID', () => hexOf(random, 32))
    this.replace(crypto, 'getRandomValues', (bytes: Uint8Array) =>
      bytes.map(() => Math.floor(random() * 256)),
    )
    this.replace(globalThis, 'fetch', (url: string, init?: RequestInit) =>
      fetch(new Request(url, init)),
    )
  }

  /** Runs `act` on a machine whose timers wait while it is asleep. */
  on<T>(sleeper: Sleeper, act: () => T): T {
    return machine.run(sleeper, act)
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve))
  }

  after(ms: number, run: () => void): number {
    return this.at(this.now + Math.max(0, ms), run)
  }

  /** Lets time pass until `done` is settled; false if that takes more than `limitMs`. */
  async until(done: Promise<unknown>, limitMs: number): Promise<boolean> {
    let isDone = false
    void done.then(
      () => {
        isDone = true
      },
      () => {
        isDone = true
      },
    )
    const limit = this.now + limitMs
    for (;;) {
      await new Promise<void>((resolve) => void settle(resolve))
      if (isDone) return true
      const next = this.pop()
      if (!next || next.at > limit) return false
      this.now = next.at
      next.run()
      while (this.queue[0]?.at === this.now) this.pop()?.run()
    }
  }

  [Symbol.dispose](): void {
    for (const undo of this.restore.reverse()) undo()
  }

  private every(ms: number, run: () => void): number {
    const id = ++this.order
    const sleeper = machine.getStore()
    const next = (): void => {
      if (this.isLater(sleeper, next)) return
      if (this.cancelled.delete(id)) return
      run()
      this.push({ at: this.now + Math.max(1, ms), order: ++this.order, run: next })
    }
    this.push({ at: this.now + Math.max(1, ms), order: ++this.order, run: next })
    return id
  }

  private at(at: number, run: () => void): number {
    const id = ++this.order
    const sleeper = machine.getStore()
    const once = (): void => {
      if (!this.isLater(sleeper, once) && !this.cancelled.delete(id)) run()
    }
    this.push({ at, order: id, run: once })
    return id
  }

  /** Whether the machine is asleep: then `run` comes when it wakes. */
  private isLater(sleeper: Sleeper | undefined, run: () => void): boolean {
    if (!sleeper || sleeper.asleepUntil <= this.now) return false
    this.push({ at: sleeper.asleepUntil, order: ++this.order, run })
    return true
  }

  /** A binary heap by time, then by order. */
  private push(event: Event): void {
    const { queue } = this
    let index = queue.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(event, queue[parent] as Event)) break
      queue[index] = queue[parent] as Event
      index = parent
    }
    queue[index] = event
  }

  private pop(): Event | undefined {
    const { queue } = this
    const top = queue[0]
    const last = queue.pop()
    if (!top || !last || queue.length === 0) return top
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      if (left >= queue.length) break
      const right = left + 1
      const least =
        right < queue.length && isBefore(queue[right] as Event, queue[left] as Event) ? right : left
      if (!isBefore(queue[least] as Event, last)) break
      queue[index] = queue[least] as Event
      index = least
    }
    queue[index] = last
    return top
  }

  private replace<T extends object, K extends keyof T>(owner: T, name: K, value: unknown): void {
    const before = owner[name]
    owner[name] = value as T[K]
    this.restore.push(() => {
      owner[name] = before
    })
  }
}

const isBefore = (a: Event, b: Event): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order)

const hexOf = (random: () => number, digits: number): string =>
  Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('')
