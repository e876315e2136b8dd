import { painter } from '../cli/format.ts'
import type { Link, Status } from './link.ts'

const SHOWN = {
  ok: ['ok', 'green'],
  wrong: ['WRONG', 'red'],
  'not asked': ['not asked', 'dim'],
  unknown: ['unknown', 'yellow'],
} as const satisfies Record<Status, readonly [string, string]>

const widest = (texts: string[]): number => Math.max(...texts.map(({ length }) => length))

/** On a terminal, control characters could write over other lines; and what is told may be by whom the chain exposes. */
const plain = (text: string): string => text.replaceAll(/[\s\p{C}]+/gu, ' ')

/** The chain for people, a line for each link, coloured for `stream`. */
export function chainLines(links: Link[], stream: NodeJS.WriteStream): string[] {
  const paint = painter(stream)
  const [left, right] = [
    widest(Object.values(SHOWN).map(([word]) => word)),
    widest(links.map(({ name }) => name)),
  ]
  return links.map(({ status, name, text }) => {
    const [word, colour] = SHOWN[status]
    return `${paint(colour, word.padEnd(left))}  ${name.padEnd(right)}  ${plain(text)}`
  })
}

/** Whether nothing is wrong, and nothing that was asked is without an answer. */
export const holds = (links: Link[]): boolean =>
  links.every(({ status }) => status === 'ok' || status === 'not asked')

/** `holds: 6 ok, 2 not asked`. */
export function summary(links: Link[]): string {
  const counted = (Object.keys(SHOWN) as Status[])
    .map((status) => [links.filter((link) => link.status === status).length, status] as const)
    .filter(([count]) => count > 0)
    .map(([count, status]) => `${count} ${status}`)
  return `${holds(links) ? 'the chain holds' : 'the chain does not hold'}: ${counted.join(', ')}`
}
