import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Puts a stub command into `folder`, for a PATH that begins with it. Fails (EEXIST) when the name is taken: written
 * through a link, a stub would replace the machine's own command.
 */
export function stubCommand(folder: string, name: string, script: string): void {
  writeFileSync(join(folder, name), script, { mode: 0o755, flag: 'wx' })
}
