import { connect, createServer, type Socket } from 'node:net'
import { service } from '../../../../scripts/lib/service.ts'

let count = 0

/**
 * A way to an instance on which everything takes `delayMs` in each direction: a TCP proxy, since delays in the kernel need
 * a module that a machine may lack. Returns the address to connect to.
 */
export async function slowPath(address: string, delayMs: number): Promise<string> {
  count += 1
  const entry = `127.66.${Math.floor(count / 250)}.${1 + (count % 250)}`
  const server = createServer((near) => {
    const far = connect(service.port, address)
    pass(near, far, delayMs)
    pass(far, near, delayMs)
  })
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(service.port, entry, resolve)
  })
  return entry
}

function pass(from: Socket, to: Socket, delayMs: number): void {
  from.setNoDelay(true)
  const later = (act: () => void) => setTimeout(act, delayMs)
  from.on('data', (data) => later(() => to.write(data)))
  from.on('end', () => later(() => to.end()))
  from.on('error', () => later(() => to.destroy()))
  from.on('close', () => later(() => to.destroy()))
}
