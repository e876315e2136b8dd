import { expect, test } from 'bun:test'
import { healthy, save, startService } from '../../../lab/support/executable.ts'
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
