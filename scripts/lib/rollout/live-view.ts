import {
  age,
  clockTime,
  columnsOf,
  painter,
  pairs,
  shortRelease,
  table,
  wrapped,
} from '../cli/format.ts'
import type { Fleet, Member } from '../fleet/fleet.ts'
import { stateOf, targetColour } from '../fleet/member-state.ts'
import { reasonOf } from '../fleet/refresh.ts'
import { isGivenUp, isRunning } from '../fleet/refresh-status.ts'
import type { Figures } from '../probe/figures.ts'

/** What to show at one moment. */
export interface View {
  startedAt: Date
  fleet: Fleet
  /** Where the fleet is going. */
  release: string | undefined
  templateVersion: number | undefined
  figures?: Figures | undefined
  /** What comes next, and when; undefined: that is not known. */
  outlook?: string | undefined
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
      const rows = frame(view, columnsOf(stream) - 1, paint)
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
  let headAt = 0
  const printed = new Map<string, string>()
  return {
    update: (view) => {
      const at = clockTime((view.fleet.at.getTime() - view.startedAt.getTime()) / 1000)
      for (const member of view.fleet.members) {
        const text = `${member.health} ${stateOf(member)}`
        if (printed.get(member.id) === text) continue
        printed.set(member.id, text)
        stream.write(`${at} ${memberCells(member, view.fleet).join(' ')}\n`)
      }
      for (const id of printed.keys()) {
        if (view.fleet.members.some((member) => member.id === id)) continue
        printed.delete(id)
        stream.write(`${at} ${id} gone\n`)
      }
      const head = headline(view)
      const due = Date.now() - headAt > 60_000
      if (head === lastHead && !due) return
      lastHead = head
      headAt = Date.now()
      stream.write(`${at} ${head}${view.figures ? `, ${probeText(view.figures)}` : ''}\n`)
    },
    note: (text) => {
      stream.write(`${text}\n`)
    },
    end: () => {},
  }
}

type Paint = ReturnType<typeof painter>

/** At most `columns` wide. */
export function frame(view: View, columns: number, paint: Paint): string[] {
  const { fleet, figures, outlook } = view
  const { refresh, name } = fleet
  const elapsed = clockTime((fleet.at.getTime() - view.startedAt.getTime()) / 1000)
  const percent = refresh?.PercentageComplete ?? 0
  const rows = [
    `${paint('bold', name)}  to ${shortRelease(view.release)}, version ${view.templateVersion ?? 'unknown'}  ${elapsed}`,
    `${paint(isGivenUp(refresh?.Status) ? 'red' : 'cyan', refresh?.Status ?? 'no refresh')} ${bar(percent)} ${percent} %`,
    ...wrapped(reasonOf(refresh), columns).map((row) => paint('dim', row)),
    ...(outlook ? wrapped(outlook, columns) : []),
    ...(isRunning(refresh?.Status) ? [`undo it: scripts/rollout rollback --group ${name}`] : []),
    '',
    ...memberTable(fleet, view.templateVersion, paint),
  ]
  if (figures) {
    const lines = pairs([['probe', probeText(figures)]], columns)
      .join('')
      .split('\n')
    rows.push('', ...lines.map((line) => paint(figures.failed > 0 ? 'red' : 'green', line)))
  }
  return rows.map((row) => Bun.sliceAnsi(row, 0, columns))
}

/** The instances as a table with a heading, the oldest first; those of `templateVersion` stand out. */
export function memberTable(
  fleet: Fleet,
  templateVersion: number | undefined,
  paint: Paint,
): string[] {
  const members = [...fleet.members].sort(
    (a, b) => (a.launchedAt?.getTime() ?? Infinity) - (b.launchedAt?.getTime() ?? Infinity),
  )
  const rows = members.map((member) => {
    const [id = '', release = '', launched = '', state = ''] = memberCells(member, fleet)
    const isNew = member.templateVersion === templateVersion && templateVersion !== undefined
    const colour = targetColour(member)
    return [id, isNew ? paint('cyan', release) : release, launched, paint(colour, state)]
  })
  return table([['INSTANCE', 'RELEASE', 'AGE', 'STATE'], ...rows])
}

const memberCells = (member: Member, { at }: Fleet): string[] => [
  member.id,
  shortRelease(member.release),
  age(at, member.launchedAt),
  stateOf(member),
]

function headline({ fleet }: View): string {
  const { refresh } = fleet
  if (!refresh) return `${fleet.members.length} of ${fleet.desired} instances`
  const reason = reasonOf(refresh) ? `: ${reasonOf(refresh)}` : ''
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
