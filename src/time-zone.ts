import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The rules in the executable; a test compares this with the Bun that it is compiled with. */
export const EXECUTABLE_TZDATA = '2026a'

/** Such as 2026b. */
const RELEASE = /^# version (\d{4}[a-z]+)/

/** What zic writes, to its last line, which is text: for anything else libc would take UTC, and not say so. */
const WHOLE = /^TZif.*\n[ -~]*\n$/s

/** A time zone by the newest rules at hand: governments change them at a few weeks' notice. */
export interface TimeZone {
  currentDay(): Temporal.PlainDate
  /** The release of tzdata in use. */
  tzdata: string
  from: 'the executable' | 'this machine'
}

/** `zone` by the rules of this machine where its tzdata is newer, else by those of the executable. */
export async function openTimeZone(zone: string): Promise<TimeZone> {
  const folder = process.env.TZDIR ?? '/usr/share/zoneinfo'
  const [, tzdata = ''] = RELEASE.exec(textOf(join(folder, 'tzdata.zi'))) ?? []
  const currentDay =
    tzdata > EXECUTABLE_TZDATA && WHOLE.test(textOf(join(folder, zone)))
      ? await openLocalTime(zone)
      : undefined
  return currentDay
    ? { currentDay, tzdata, from: 'this machine' }
    : {
        currentDay: () => Temporal.Now.plainDateISO(zone),
        tzdata: EXECUTABLE_TZDATA,
        from: 'the executable',
      }
}

/** Empty where it cannot be read. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

/** libc reads the machine's rules; undefined where it cannot be called, since that takes the JIT. */
async function openLocalTime(zone: string): Promise<TimeZone['currentDay'] | undefined> {
  try {
    const { dlopen, ptr } = await import('bun:ffi')
    const { symbols: libc } = dlopen('libc.so.6', {
      setenv: { args: ['ptr', 'ptr', 'i32'], returns: 'i32' },
      localtime_r: { args: ['ptr', 'ptr'], returns: 'ptr' },
      tzset: { args: [], returns: 'void' },
    })
    libc.setenv(ptr(Buffer.from('TZ\0')), ptr(Buffer.from(`:${zone}\0`)), 1)
    libc.tzset()
    const time = new BigInt64Array(1)
    // struct tm: second, minute, hour, day, month from 0, year from 1900, and what is not needed here.
    const fields = new Int32Array(14)
    return () => {
      time[0] = BigInt(Math.floor(Date.now() / 1000))
      libc.localtime_r(ptr(time), ptr(fields))
      const [, , , day = 0, month = 0, year = 0] = fields
      return new Temporal.PlainDate(year + 1900, month + 1, day)
    }
  } catch {
    return undefined
  }
}
