type Options = Parameters<typeof Bun.serve<undefined>>[0] & { port: number; hostname: string }

/**
 * Opens a listener on `options.port`, which `setting` set.
 * @throws {Error} that names the setting to change, when the port or the address cannot be had.
 */
export function listen(setting: 'PORT' | 'ADMIN_PORT', options: Options): Bun.Server<undefined> {
  const { port, hostname } = options
  try {
    return Bun.serve(options)
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case 'EADDRINUSE':
        throw new Error(
          `${setting}: ${port} is taken by another process, wants a free port (0 takes any)`,
        )
      case 'EACCES':
        throw new Error(`${setting}: ${port} is for root alone, wants a port above 1023`)
      case 'EADDRNOTAVAIL':
        throw new Error(
          `BIND_ADDRESS: ${hostname} is no address of this machine, wants one of its own or 0.0.0.0`,
        )
      default:
        throw error
    }
  }
}
