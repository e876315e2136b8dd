import { Stop } from '../cli/errors.ts'
import type { OpsSettings } from './settings.ts'

/** Hands the terminal over to a Session Manager session; SSM keeps the reason with it for 30 days. Returns its exit code. */
export async function openShell(id: string, { region, reason }: OpsSettings): Promise<number> {
  for (const tool of ['aws', 'session-manager-plugin']) {
    if (Bun.which(tool)) continue
    throw new Stop(
      `a shell needs ${tool}, which is not on PATH: install the AWS CLI and the Session Manager plugin`,
    )
  }
  const place = region ? ['--region', region] : []
  const child = Bun.spawn(
    ['aws', 'ssm', 'start-session', '--target', id, '--reason', reason, ...place],
    { stdio: ['inherit', 'inherit', 'inherit'] },
  )
  // Ctrl-C belongs to what runs in the session.
  process.on('SIGINT', () => {})
  return await child.exited
}
