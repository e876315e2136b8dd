import { join } from 'node:path'
import { clockTime } from '../../../../scripts/lib/cli/format.ts'
import { percentileOf } from '../../../../scripts/lib/probe/histogram.ts'
import { root } from '../../../../scripts/lib/service.ts'
import type { Second } from '../load/lines.ts'
import { requestsOf } from '../load/process.ts'
import type { Result } from './result.ts'
import type { Summary } from './totals.ts'

const folder = import.meta.dir
const uplotFolder = join(root, 'node_modules', 'uplot', 'dist')

/** The receipt as one self-contained page: the files that page.html refers to are inlined. */
export async function pageOf(result: Result, summary: Summary): Promise<string> {
  const page = await Bun.file(join(folder, 'page.html')).text()
  const styles = await textOf(page, /<link rel="stylesheet" href="(.+?)"[ /]*>/g)
  const scripts = await textOf(page, /<script src="(.+?)"><\/script>/g)
  // Nothing in the data may end the script element.
  const data = JSON.stringify(dataOf(result, summary)).replaceAll('<', '\\u003c')
  return page
    .replace(/<link rel="stylesheet".+?>/g, (tag) => `<style>${styles.get(tag)}</style>`)
    .replace(/<script src=.+?<\/script>/g, (tag) => `<script>${scripts.get(tag)}</script>`)
    .replace('id="data">{}', () => `id="data">${data}`)
}

/** The content of the files that tags refer to, by tag: uPlot's, or ours. */
async function textOf(page: string, tags: RegExp): Promise<Map<string, string>> {
  const found = [...page.matchAll(tags)].map(async ([tag, name = '']) => {
    const path = join(name.startsWith('uPlot') ? uplotFolder : folder, name)
    return [tag, await Bun.file(path).text()] as const
  })
  return new Map(await Promise.all(found))
}

/** What the page draws, in seconds since the start. */
function dataOf(result: Result, summary: Summary) {
  const since = (at: number | undefined) =>
    at === undefined ? undefined : (at - result.startedAt) / 1000
  const length = (result.endedAt - result.startedAt) / 1000
  return {
    scenario: result.scenario,
    met: summary.met,
    subtitle: `${result.instances} instances, ${result.rate} requests/s at a constant rate and ${result.clients} clients in a closed loop, ${result.rollouts.length} rollout${result.rollouts.length === 1 ? '' : 's'} in ${clockTime(length)}; pure waits ran ${result.pace} times as fast as on AWS`,
    requestsNote: `${result.readBack.acknowledged.toLocaleString('en-GB')} writes read back`,
    length,
    requests: summary.requests,
    failed: summary.failed,
    unexpected: summary.unexpected,
    longestGapMs: summary.longestGapMs,
    phases: summary.phases,
    expectations: result.expectations,
    marks: result.marks.map(({ at, what }) => ({ at: since(at) as number, what })),
    releases: Object.entries(result.releases).map(([name, id]) => ({ name, id })),
    seconds: result.seconds.map((second) => ({
      at: since(second.at * 1000),
      served: servedByRelease(second, result.releaseOf),
      failed: second.failed.length,
      requests: requestsOf(second),
      p50: percentileOf(second.latencies, 50),
      p99: percentileOf(second.latencies, 99),
    })),
    lives: result.lives.map((life) => ({
      id: life.id,
      release: result.releaseOf[life.id],
      launchedAt: since(life.launchedAt),
      healthyAt: since(life.healthyAt),
      deregisteredAt: since(life.deregisteredAt),
      stoppingAt: since(life.stoppingAt),
      goneAt: since(life.goneAt),
      killedAt: since(life.killedAt),
    })),
  }
}

function servedByRelease({ served }: Second, releaseOf: Record<string, string>) {
  const counts: Record<string, number> = {}
  for (const [instance, count] of Object.entries(served)) {
    const release = releaseOf[instance] ?? 'unknown'
    counts[release] = (counts[release] ?? 0) + count
  }
  return counts
}
