/** Records each read and write of a user with its beginning and end, for linearizability/main.go. */
export class History {
  private readonly writer: Bun.FileSink

  constructor(path: string) {
    this.writer = Bun.file(path).writer()
  }

  /** A moment for `add`, in microseconds. */
  now(): number {
    return Math.round(performance.now() * 1000)
  }

  /** `end` is null for a write whose outcome is unknown. */
  add(user: string, kind: 'r' | 'w', value: string, begin: number, end: number | null): void {
    this.writer.write(`${JSON.stringify([user, kind, value, begin, end])}\n`)
  }

  async close(): Promise<void> {
    await this.writer.end()
  }
}
