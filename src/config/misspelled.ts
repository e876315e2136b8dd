import { name as service } from '../../package.json'
import { SETTINGS } from './settings.ts'

/** Words that begin the names of other programs' variables, too. */
const SHARED = ['AWS', 'STATE', 'RUNTIME', 'NOTIFY', 'WATCHDOG']

const NAMES = Object.keys(SETTINGS)
const PREFIXES = new Set(
  NAMES.filter((name) => name.includes('_'))
    .map((name) => name.slice(0, name.indexOf('_')))
    .filter((word) => !SHARED.includes(word)),
)

/** From this length on, two slips of the finger are still one word. */
const LONG = 8

/**
 * A sentence for each variable in `env` that was probably meant to be one of ours: a mistyped REDIS_ENDPOINT would
 * quietly put the data into a local file.
 */
export function misspelled(env: Record<string, string | undefined>): string[] {
  return Object.keys(env).flatMap((variable) => {
    if (Object.hasOwn(SETTINGS, variable)) return []
    const typed = variable.toUpperCase()
    // The first letter is seldom wrong, and SSL_CERT_FILE is another's.
    const meant = NAMES.find(
      (name) => name[0] === typed[0] && slips(typed, name) <= (name.length < LONG ? 1 : 2),
    )
    if (meant) return [`${variable}: there is no such setting; did you mean ${meant}?`]
    const isOurs = PREFIXES.has(variable.split('_', 1)[0] ?? '') && variable.includes('_')
    return isOurs ? [`${variable}: there is no such setting; ${service} config lists them`] : []
  })
}

/** How many letters have to be added, removed, replaced or swapped with the next one to make `one` into `other`. */
function slips(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > 2) return Number.POSITIVE_INFINITY
  let before: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1]
      const swapped = one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      row[j] = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
        swapped ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = last
    last = row
  }
  return last[other.length] as number
}
