import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { costTables, priceOf } from '../../lab/support/prices.ts'

const read = (name: string) => readFileSync(join(root, 'terraform', name), 'utf8')
const HOURS = 730

const [variants = [], load = [], prices = []] = costTables

const number = (text: string) => Number(text.replaceAll(',', ''))

const paidByTheHour = new Set(prices.filter(([, , unit]) => unit === 'hour').map(([name]) => name))

/** Dollars a month of a quantity such as '2 × t4g.small', to the cent. */
function dollars(quantity: string): number {
  if (quantity === 'none') return 0
  const [count = '', name = ''] = quantity.split(' × ')
  const price = priceOf(name) * (paidByTheHour.has(name) ? HOURS : 1)
  return Math.round(number(count) * price * 100) / 100
}

describe('the cost in the README', () => {
  test.each([
    ['of the default', variants, 1],
    ['of the small variant', variants, 3],
    ['under load', load, 1],
  ])('%s is what its quantities cost, and adds up', (_, table, column) => {
    const rows = table.slice(1, -1)
    expect(rows.length).toBeGreaterThan(3)
    for (const row of rows) {
      expect([row[0], number(row[column + 1] ?? '')]).toEqual([row[0], dollars(row[column] ?? '')])
    }
    const sum = rows.reduce((total, row) => total + number(row[column + 1] ?? ''), 0)
    expect(number(table.at(-1)?.[column + 1] ?? '')).toBeCloseTo(sum, 2)
  })

  test('is of the instances and nodes that the defaults and the small variant have', () => {
    const text = variants.map((row) => row.join(' | ')).join('\n')
    const defaults = ['instance_type', 'min_size'].map(
      (name) =>
        new RegExp(`variable "${name}" \\{.*?default += "?([^"\\n]+)`, 's').exec(
          read('variables.tf'),
        )?.[1],
    )
    const small = ['instance_type', 'store_node_type'].map(
      (name) => new RegExp(`^${name} += "(.+)"$`, 'm').exec(read('small.tfvars'))?.[1],
    )
    const node = /"memorydb" \? "(db\.[\w.]+)"/.exec(read('store.tf'))?.[1]
    const [type, size] = defaults
    expect(text).toContain(`| ${size} × ${type} | `)
    expect(text).toContain(`| 2 × ${node} | `)
    for (const each of small) expect(text).toContain(`| 2 × ${each} | `)
  })

  test('under load is of the requests that two instances are configured for, 600 bytes each', () => {
    const rate = /requests_per_target.*?default += (\d+)/s.exec(read('variables.tf'))?.[1]
    const requests = 2 * Number(rate) * 60 * HOURS
    const text = load.map((row) => row.join(' | ')).join('\n')
    expect(text).toContain(`| ${(requests / 1e6).toLocaleString('en')} × million requests |`)
    const gigabytes = Math.round((requests * 600) / 1e9).toLocaleString('en')
    expect(text).toContain(`journal, 600 bytes a request | ${gigabytes} × log |`)
  })

  test('of the small variant is below 80 dollars', () => {
    expect(number(variants.at(-1)?.[4] ?? '')).toBeLessThan(80)
  })

  test('gives each price a source', () => {
    expect(prices.length).toBeGreaterThan(10)
    for (const [name, price, unit, source = ''] of prices.slice(1)) {
      expect(number(price ?? ''), name).toBeGreaterThan(0)
      expect(unit, name).not.toBe('')
      expect(source, name).toMatch(/202\d|estimated|half|same/)
    }
  })
})
