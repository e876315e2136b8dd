import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Puts a command of ours into `folder`, for a PATH that begins with it. Fails (EEXIST) when there is anything under that
 * name: written through a link, a stub would replace the command of the machine.
 */
export function stubCommand(folder: string, name: string, script: string): void {
  writeFileSync(join(folder, name), script, { mode: 0o755, flag: 'wx' })
}
