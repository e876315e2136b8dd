import { expect, test } from 'bun:test'
import { readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { healthy, runExecutable, save, startService } from '../../../lab/support/executable.ts'
import { machineWithTzdata } from '../../../lab/support/tzdata.ts'

test.each([
  ['newer', '2099z', 0, 204],
  ['older', '2001a', 1, 400],
])(
  "today is by the machine's tzdata only where it is newer than the executable's: %s",
  async (_, release, days, status) => {
    using machine = machineWithTzdata(release)
    await using service = await startService(machine.env)
    await healthy(service)
    // Where it is tomorrow, today is over. Casablanca itself is at most an hour ahead.
    const dateOfBirth = String(Temporal.Now.plainDateISO('UTC').add({ days }))
    const response = await save(service.url, { body: JSON.stringify({ dateOfBirth }) })
    expect(response.status).toBe(status)
  },
)

test("a zone that is not whole in the machine's tzdata is that of the executable", async () => {
  using machine = machineWithTzdata('2099z')
  const { env } = machine
  const rulesIn = async () => (await runExecutable(['config'], { env })).out
  expect(await rulesIn()).toContain('by tzdata 2099z of this machine')
  const zone = join(machine.path, env.TIMEZONE)
  const lastLine = readFileSync(zone, 'latin1').lastIndexOf('\n', statSync(zone).size - 2) + 1
  for (const size of [statSync(zone).size - 1, lastLine, 0]) {
    truncateSync(zone, size)
    expect(await rulesIn()).toContain('of the executable')
  }
})
