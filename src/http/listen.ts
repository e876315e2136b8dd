type Options = Parameters<typeof Bun.serve<undefined>>[0] & { port: number; hostname: string }

/**
 * Opens a listener on `options.port`, which comes from `setting`.
 * @throws {Error} that names the setting to change, when the port or the address is unavailable.
 */
export function listen(setting: 'PORT' | 'ADMIN_PORT', options: Options): Bun.Server<undefined> {
  const { port, hostname } = options
  try {
    return Bun.serve(options)
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case 'EADDRINUSE':
        throw new Error(
          `${setting}: ${port} is taken by another process, expected a free port (0 picks one)`,
        )
      case 'EACCES':
        throw new Error(`${setting}: ${port} is reserved for root, expected a port above 1023`)
      case 'EADDRNOTAVAIL':
        throw new Error(
          `BIND_ADDRESS: ${hostname} is not an address of this machine, expected one of its own or 0.0.0.0`,
        )
      default:
        throw error
    }
  }
}
