import { readFileSync } from 'node:fs'

/** USER_HZ, which Linux fixes at 100 for what it shows in /proc. */
const TICKS_PER_SECOND = 100

/** User and system time of all threads of `pids`, in seconds. */
export const cpuSeconds = (pids: readonly number[]): number => sum(pids.map(cpuSecondsOf))

function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in brackets, may contain spaces; utime and stime are the 12th and 13th fields after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory of `pids`, in bytes: what they allocated, and the pages of their executable that are in use. */
export const residentBytes = (pids: readonly number[]): number => sum(pids.map(residentBytesOf))

function residentBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
}

/** How long `cores` have been idle since boot, in seconds, together and including I/O wait. */
export const idleSeconds = (cores: readonly number[]): number => sum(cores.map(idleSecondsOf))

function idleSecondsOf(core: number): number {
  const line = readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`cpu${core} `))
  const [, , , , idle, iowait] = line?.split(' ') ?? []
  return (Number(idle) + Number(iowait)) / TICKS_PER_SECOND
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
