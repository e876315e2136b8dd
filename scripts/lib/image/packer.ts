import { Stop } from '../cli/errors.ts'

interface PackerRun {
  /** Subcommand and folder. */
  command: [string, string]
  variables?: Record<string, string>
  start(command: string[], env: Record<string, string>): Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  note(line: string): void
  /** Makes Packer cancel the build and clean up. */
  interrupted: AbortSignal
}

/**
 * Runs Packer, passing its lines on until it exits; after an interruption, that takes as long as removing the build
 * instance. Throws `Stop` when it fails.
 */
export async function runPacker(run: PackerRun): Promise<void> {
  const { command, variables = {}, start, note, interrupted } = run
  interrupted.throwIfAborted()
  const [verb, folder] = command
  const options = Object.entries(variables).flatMap(([name, value]) => ['-var', `${name}=${value}`])
  if (verb === 'build') options.unshift('-color=false')
  const child = start(['packer', verb, ...options, folder], { CHECKPOINT_DISABLE: '1' })
  const cancel = () => {
    note('interrupted: waiting for Packer to clean up')
    // Not SIGINT: Packer's outer process expects a terminal to send that to the whole group, and does not pass it on.
    child.kill('SIGTERM')
  }
  interrupted.addEventListener('abort', cancel)
  const [, , exitCode] = await Promise.all([
    passOn(child.stdout, note),
    passOn(child.stderr, note),
    child.exited,
  ])
  interrupted.removeEventListener('abort', cancel)
  interrupted.throwIfAborted()
  if (exitCode !== 0) throw new Stop(`packer ${verb} failed; its last lines above say why`)
}

async function passOn(
  stream: ReadableStream<Uint8Array>,
  note: (line: string) => void,
): Promise<void> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim()) note(line.trimEnd())
  }
  if (rest.trim()) note(rest.trimEnd())
}
