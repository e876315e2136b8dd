import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cgroupsNamed } from '../../../scripts/lib/image/cgroup.ts'
import { cgroupOf } from '../../../scripts/lib/image/container.ts'
import { root } from '../../../scripts/lib/service.ts'
import { ended, type Ran } from '../support/command.ts'
import { CONTAINER_PREFIX, NAMESPACE, RUN_FOLDER } from './names.ts'
import type { Result } from './report/result.ts'
import type { Summary } from './report/totals.ts'

/** A scenario with the images it needs takes up to four minutes, longer on a slow machine. */
export const SCENARIO_TIMEOUT_MS = 480_000

/** Why no rehearsal can run here; undefined if one can. */
export const cannotRehearse =
  process.platform !== 'linux'
    ? `${process.platform} has no systemd-nspawn`
    : process.getuid?.() !== 0
      ? 'a rehearsal needs root'
      : Bun.which('terraform')
        ? undefined
        : 'terraform, which renders the user data, is not installed'

/** Runs scripts/rehearse to completion. */
export function rehearse(words: string[]): Promise<Ran> {
  return ended(start(words))
}

/** In a process group of its own, as a shell would start it. */
export function start(words: string[]) {
  return Bun.spawn(['setsid', '--wait', join(root, 'scripts', 'rehearse'), ...words], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

/** Rehearses one scenario; returns its outcome. */
export async function play(
  scenario: string,
  words: string[] = [],
): Promise<Ran & { receipt: Omit<Result, 'seconds'> & Summary }> {
  const ran = await rehearse(['--scenario', scenario, '--json', '-', ...words])
  console.log(ran.err)
  const [receipt] = JSON.parse(ran.out || '[]')
  if (!receipt) throw new Error(`no receipt, exit code ${ran.code}: ${ran.err}`)
  return { ...ran, receipt }
}

/** What a rehearsal has on this machine. */
export function traces(): string[] {
  const paths = [join('/run/netns', NAMESPACE), RUN_FOLDER].filter(existsSync)
  return [...cgroupsNamed(cgroupOf(CONTAINER_PREFIX)), ...paths]
}
