import { join } from 'node:path'
import type { LoadLine, LoadOptions, ReadBack, Second } from './lines.ts'

/** The clients' process, and what they have reported so far. */
export class Load {
  readonly seconds: Second[] = []
  private readBack: ReadBack | undefined
  private readonly process: Bun.Subprocess<'pipe', 'pipe', 'inherit'>
  private readonly reading: Promise<void>

  /** `trusted` is the path of the load balancer's certificate. */
  constructor(options: LoadOptions, trusted: string) {
    this.process = Bun.spawn(
      [process.execPath, join(import.meta.dir, 'clients.ts'), JSON.stringify(options)],
      {
        stdin: 'pipe',
        stdout: 'pipe',
        stderr: 'inherit',
        env: { ...process.env, NODE_EXTRA_CA_CERTS: trusted },
      },
    )
    this.reading = this.read()
  }

  get requests(): number {
    return this.seconds.reduce((sum, second) => sum + requestsOf(second), 0)
  }

  /** Ends the load, has everything read back and returns the result. */
  async stop(): Promise<ReadBack> {
    this.process.stdin.end()
    await this.reading
    if (!this.readBack) throw new Error('the clients exited without reading back what they wrote')
    return this.readBack
  }

  private async read(): Promise<void> {
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of this.process.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.take(JSON.parse(line) as LoadLine)
    }
  }

  private take(line: LoadLine): void {
    if ('second' in line) this.seconds.push(line.second)
    else this.readBack = line.readBack
  }
}

export const servedIn = ({ served }: Second): number =>
  Object.values(served).reduce((sum, count) => sum + count, 0)

export const requestsOf = (second: Second): number => servedIn(second) + second.failed.length
