/** The exit codes that all commands share. */
export const EXIT = {
  ok: 0,
  refused: 1,
  usage: 2,
  rolledBack: 3,
  failed: 4,
  timedOut: 5,
  lostSight: 6,
  interrupted: 130,
} as const

/** Ends a command with a message for a person and an exit code. */
export class Stop extends Error {
  constructor(
    message: string,
    readonly exitCode: number = EXIT.refused,
  ) {
    super(message)
  }
}

export const usageError = (message: string): Stop => new Stop(message, EXIT.usage)
