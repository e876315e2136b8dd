import { oneLine, painter } from '../cli/format.ts'
import { attempt, type Finding, type Status } from './finding.ts'

/** A finding about one link of the chain from the commit to the receipt. */
export interface Link extends Finding {
  name: string
}

/** What `examine` finds about the link `name`. */
export async function linksOf(
  name: string,
  examine: () => Promise<Finding[] | Finding> | Finding[] | Finding,
): Promise<Link[]> {
  const { value, failure } = await attempt(examine)
  return [failure ?? value].flat().map((finding) => ({ name, ...finding }))
}

const SHOWN = {
  ok: ['ok', 'green'],
  problem: ['WRONG', 'red'],
  'not asked': ['not asked', 'dim'],
  unknown: ['unknown', 'yellow'],
} as const satisfies Record<Status, readonly [string, string]>

const widest = (texts: string[]): number => Math.max(...texts.map(({ length }) => length))

/** The chain for people, a line for each finding, coloured for `stream`. */
export function chainLines(links: Link[], stream: NodeJS.WriteStream): string[] {
  const paint = painter(stream)
  const [left, right] = [
    widest(Object.values(SHOWN).map(([word]) => word)),
    widest(links.map(({ name }) => name)),
  ]
  return links.map(({ status, name, text }) => {
    const [word, colour] = SHOWN[status]
    return `${paint(colour, word.padEnd(left))}  ${name.padEnd(right)}  ${oneLine(text)}`
  })
}

/** Whether nothing is wrong, and nothing that was asked is without an answer. */
export const holds = (links: Link[]): boolean =>
  links.every(({ status }) => status === 'ok' || status === 'not asked')

/** `the chain holds: 6 ok, 2 not asked`. */
export function summary(links: Link[]): string {
  const counted = (Object.keys(SHOWN) as Status[])
    .map((status) => [links.filter((link) => link.status === status).length, status] as const)
    .filter(([count]) => count > 0)
    .map(([count, status]) => `${count} ${status === 'problem' ? 'wrong' : status}`)
  return `${holds(links) ? 'the chain holds' : 'the chain does not hold'}: ${counted.join(', ')}`
}
