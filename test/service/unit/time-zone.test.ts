import { expect, test } from 'bun:test'
import { readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { EXECUTABLE_TZDATA } from '../../../src/time-zone.ts'
import { run } from '../../lab/support/command.ts'
import { machineWithTzdata } from '../../lab/support/tzdata.ts'

/** What the service would say in a process of that environment at `time`, which libc and the process share. */
async function zoneAt(time: string, env: Record<string, string>) {
  const script = `
    Date.now = () => Date.parse('${time}')
    const { openTimeZone } = await import('${join(root, 'src/time-zone.ts')}')
    const { currentDay, ...facts } = await openTimeZone(process.env.TIMEZONE)
    console.log(JSON.stringify({ ...facts, day: currentDay() }))`
  const { out } = await run([process.execPath, '-e', script], { env })
  return JSON.parse(out)
}

const today = Temporal.Now.plainDateISO('UTC')
const executable = { tzdata: EXECUTABLE_TZDATA, from: 'the executable' }

test("with newer tzdata the day is the machine's, to the millisecond", async () => {
  using machine = machineWithTzdata('2099z')
  // In which it is a day later there.
  for (const [time, day] of [
    ['2026-02-27T23:59:59.999Z', '2026-02-28'],
    ['2026-02-28T00:00:00.000Z', '2026-03-01'],
    ['2026-12-31T12:00:00Z', '2027-01-01'],
  ] as const)
    expect(await zoneAt(time, machine.env)).toEqual({ tzdata: '2099z', from: 'this machine', day })
})

test.each(['2001a', EXECUTABLE_TZDATA, 'nothing'])(
  "with tzdata %s the day is the executable's",
  async (release) => {
    using machine = machineWithTzdata(release)
    const zone = await zoneAt('2099-02-01T00:00:00Z', machine.env)
    expect(zone).toMatchObject(executable)
    expect(today.until(zone.day).days).toBeLessThan(2)
  },
)

test("a zone that is not whole in the machine's tzdata, or not there, is that of the executable", async () => {
  using machine = machineWithTzdata('2099z')
  const { env } = machine
  const at = '2026-02-28T00:00:00Z'
  expect(await zoneAt(at, { ...env, TIMEZONE: 'Asia/Tokyo' })).toMatchObject(executable)
  const file = join(machine.path, env.TIMEZONE)
  const { size: whole } = statSync(file)
  const lastLine = readFileSync(file, 'latin1').lastIndexOf('\n', whole - 2) + 1
  for (const size of [whole - 1, lastLine, 0]) {
    truncateSync(file, size)
    expect(await zoneAt(at, env)).toMatchObject(executable)
  }
})
