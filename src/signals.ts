import { parseCommand } from './usage.ts'

/** The command line. */
export const command = parseCommand(Bun.argv.slice(2))

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const leave = () => process.exit(0)

/**
 * What signals do to a service. While it starts there is nothing to finish, and its secrets have just been read; yet it
 * handles them, since a PID 1 gets no others, and SIGHUP would end it. main.ts imports this before all the rest, which takes
 * as long to load as the runtime.
 */
export const onSignal: Record<(typeof SIGNALS)[number], () => unknown> = {
  SIGTERM: leave,
  SIGINT: leave,
  SIGHUP() {},
}

if (command.verb === 'serve')
  for (const signal of SIGNALS) process.on(signal, () => onSignal[signal]())
