import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { run } from '../../lab/support/command.ts'
import { freePort } from '../../lab/support/process.ts'

const support = join(import.meta.dir, '../../lab/support/process.ts')
/** Takes a tenth of all ports. */
const TENTH = `import { freePort } from '${support}'
const ports = Array.from({ length: 1000 }, freePort)
console.log(JSON.stringify(ports))`

test.if(process.platform === 'linux')(
  'a free port is given once, in this process and in others',
  async () => {
    const own = Array.from({ length: 200 }, freePort)
    const { out } = await run([process.execPath, '-e', TENTH])
    const others = JSON.parse(out) as number[]
    expect(new Set([...own, ...others]).size).toBe(1200)
  },
)
