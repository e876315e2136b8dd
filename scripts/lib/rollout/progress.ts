import { clockTime, painter, shortRelease, table } from '../cli/format.ts'
import type { Fleet, Member } from '../fleet/fleet.ts'
import type { Figures } from '../probe/figures.ts'

/** What to show at one moment. */
export interface View {
  startedAt: Date
  fleet: Fleet
  /** Where the fleet is going. */
  release: string | undefined
  version: number | undefined
  figures: Figures | undefined
}

/** Shows how a rollout progresses: `update` with every snapshot, `note` for what a person should read once. */
export interface Progress {
  update(view: View): void
  note(text: string): void
  /** Leaves the last frame on the terminal. */
  end(): void
}

/** Redraws in place on a terminal; elsewhere, prints a line whenever something changes. */
export const progressOn = (stream: NodeJS.WriteStream): Progress =>
  stream.isTTY ? drawing(stream) : lines(stream)

function drawing(stream: NodeJS.WriteStream): Progress {
  const paint = painter(stream)
  let height = 0
  const erase = (): void => {
    if (height > 0) stream.write(`\x1b[${height}A\x1b[0J`)
    height = 0
  }
  return {
    update: (view) => {
      const columns = stream.columns || 80
      const rows = frame(view, paint).map((row) => Bun.sliceAnsi(row, 0, columns - 1))
      // A frame taller than the terminal could not be erased.
      const shown = rows.slice(0, Math.max(3, (stream.rows || 24) - 1))
      erase()
      stream.write(`${shown.join('\n')}\n`)
      height = shown.length
    },
    note: (text) => {
      erase()
      stream.write(`${text}\n`)
    },
    end: () => {
      height = 0
    },
  }
}

function lines(stream: NodeJS.WriteStream): Progress {
  let lastHead = ''
  let lastTold = 0
  const told = new Map<string, string>()
  return {
    update: (view) => {
      const at = clockTime((view.fleet.at.getTime() - view.startedAt.getTime()) / 1000)
      for (const member of view.fleet.members) {
        const text = [member.lifecycle, member.health, member.target, member.targetReason].join(' ')
        if (told.get(member.id) === text) continue
        told.set(member.id, text)
        stream.write(`${at} ${memberCells(member, view).join(' ')}\n`)
      }
      for (const id of told.keys()) {
        if (view.fleet.members.some((member) => member.id === id)) continue
        told.delete(id)
        stream.write(`${at} ${id} gone\n`)
      }
      const head = headline(view)
      const due = Date.now() - lastTold > 60_000
      if (head === lastHead && !due) return
      lastHead = head
      lastTold = Date.now()
      stream.write(`${at} ${head}${view.figures ? `, ${probeText(view.figures)}` : ''}\n`)
    },
    note: (text) => {
      stream.write(`${text}\n`)
    },
    end: () => {},
  }
}

type Paint = ReturnType<typeof painter>

function frame(view: View, paint: Paint): string[] {
  const { fleet, figures } = view
  const elapsed = clockTime((fleet.at.getTime() - view.startedAt.getTime()) / 1000)
  const percent = fleet.refresh?.PercentageComplete ?? 0
  const status = fleet.refresh?.Status ?? 'no refresh'
  const rolling = /Rollback|Failed|Cancel/.test(status)
  const rows = [
    `${paint('bold', fleet.name)}  to ${shortRelease(view.release)}, launch template version ${view.version ?? 'unknown'}  ${elapsed}`,
    `${paint(rolling ? 'red' : 'cyan', status)} ${bar(percent)} ${percent} %  ${paint('dim', fleet.refresh?.StatusReason ?? '')}`,
    '',
    ...memberTable(view, paint),
  ]
  if (figures) {
    const text = probeText(figures)
    rows.push('', `probe  ${figures.failed > 0 ? paint('red', text) : paint('green', text)}`)
  }
  return rows
}

/** The instances as a table with a heading, the oldest first. */
export function memberTable(view: View, paint: Paint): string[] {
  const heading = ['INSTANCE', 'ZONE', 'RELEASE', 'LIFECYCLE', 'TARGET HEALTH', 'SECONDS']
  const members = [...view.fleet.members].sort(
    (a, b) => (a.launchedAt?.getTime() ?? Infinity) - (b.launchedAt?.getTime() ?? Infinity),
  )
  const rows = members.map((member) => {
    const [id, zone, release, lifecycle, target, seconds] = memberCells(member, view) as string[]
    const isNew = member.version !== undefined && member.version === view.version
    return [
      id ?? '',
      zone ?? '',
      isNew ? paint('cyan', release ?? '') : (release ?? ''),
      lifecycle ?? '',
      paint(targetColour(member), target ?? ''),
      seconds ?? '',
    ]
  })
  return table([heading, ...rows])
}

function memberCells(member: Member, { fleet }: View): string[] {
  const seconds = member.launchedAt
    ? Math.max(0, Math.round((fleet.at.getTime() - member.launchedAt.getTime()) / 1000))
    : undefined
  const health = member.health === 'Healthy' ? '' : ` ${member.health}`
  const reason =
    member.targetReason && member.target !== 'healthy' ? ` (${member.targetReason})` : ''
  return [
    member.id,
    member.zone,
    shortRelease(member.release),
    `${member.lifecycle}${health}`,
    `${member.target}${reason}`,
    seconds === undefined ? '-' : String(seconds),
  ]
}

function targetColour({ target, health }: Member): 'green' | 'red' | 'yellow' {
  if (target === 'unhealthy' || health === 'Unhealthy') return 'red'
  return target === 'healthy' ? 'green' : 'yellow'
}

function headline({ fleet }: View): string {
  const { refresh } = fleet
  if (!refresh) return `${fleet.members.length} of ${fleet.desired} instances`
  const reason = refresh.StatusReason ? `: ${refresh.StatusReason}` : ''
  return `${refresh.Status} ${refresh.PercentageComplete ?? 0} %, ${refresh.InstancesToUpdate ?? 0} to replace${reason}`
}

function probeText(figures: Figures): string {
  const { p50, p99 } =
    figures.phases.during.p50 === null ? figures.phases.before : figures.phases.during
  const latency =
    p50 === null || p99 === null ? '' : `, p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`
  return `${figures.requests} requests, ${figures.failed} failed, longest gap ${figures.longestGapSeconds.toFixed(1)} s${latency}`
}

function bar(percent: number): string {
  const WIDTH = 30
  const full = Math.round((percent / 100) * WIDTH)
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}]`
}
