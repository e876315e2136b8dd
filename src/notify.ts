import type { Log } from './telemetry/log.ts'
import { createReasons } from './telemetry/reasons.ts'

/** Tells systemd how the service is doing (sd_notify(3)). */
export type Notify = (state: string) => void

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000

/**
 * A `Notify` for the socket at `path`, or a no-op without a path. The log says when nobody listens there.
 * Bun has no Unix datagram sockets, so this calls libc; the sender is this process, as NotifyAccess=main requires.
 */
export async function openNotify(path: string | undefined, log: Log): Promise<Notify> {
  if (!path) return () => {}
  const { dlopen, ptr } = await import('bun:ffi')
  const { symbols: libc } = dlopen('libc.so.6', {
    socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
    sendto: { args: ['i32', 'ptr', 'usize', 'i32', 'ptr', 'u32'], returns: 'i64' },
  })
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)
  if (fd < 0) throw new Error(`cannot open a socket for NOTIFY_SOCKET=${path}`)
  // struct sockaddr_un: the family, then the path; a leading @ stands for the NUL of an abstract address.
  const name = Buffer.from(path)
  if (path.startsWith('@')) name[0] = 0
  const address = Buffer.concat([new Uint8Array(new Uint16Array([AF_UNIX]).buffer), name])
  const reasons = createReasons(log, { event: 'notify-failed', socket: path })
  return (state) => {
    const message = Buffer.from(state)
    const sent = libc.sendto(fd, ptr(message), message.length, 0, ptr(address), address.length)
    if (sent < 0) reasons.say('systemd is not told: nobody takes messages at NOTIFY_SOCKET')
  }
}
