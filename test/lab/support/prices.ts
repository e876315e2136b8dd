import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'

/** The tables in the section on cost of terraform/README.md: rows of cells, without the line of dashes. */
export const costTables = readTables()
const prices = costTables[2] ?? []

function readTables(): string[][][] {
  const [, cost = ''] = readFileSync(join(root, 'terraform/README.md'), 'utf8').split('\n## Cost\n')
  return cost
    .split('\n\n')
    .filter((block) => block.startsWith('|'))
    .map((block) =>
      block
        .split('\n')
        .filter((line) => !line.startsWith('| ---'))
        .map((line) =>
          line
            .split('|')
            .slice(1, -1)
            .map((cell) => cell.replaceAll(/[*`]/g, '').trim()),
        ),
    )
}

/** The price of `name` in dollars, for its unit: an instance's is for an hour. Throws when the table has none. */
export function priceOf(name: string): number {
  const price = prices.find(([found]) => found === name)?.[1]
  if (price === undefined) throw new Error(`'${name}' has no price in the table`)
  return Number(price)
}
