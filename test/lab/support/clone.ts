import { appendFileSync, existsSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { succeed } from './command.ts'

/** Clones HEAD to `folder`, with the tools and dependencies of this checkout, which are not fetched again. */
export async function cloneTo(folder: string): Promise<void> {
  await succeed(['git', 'clone', '--quiet', '--shared', root, folder])
  for (const name of ['node_modules', '.tools']) {
    if (existsSync(join(root, name))) symlinkSync(join(root, name), join(folder, name))
    // .gitignore names folders, which symlinks are not.
    appendFileSync(join(folder, '.git/info/exclude'), `${name}\n`)
  }
  // Older than what is installed.
  utimesSync(join(folder, 'bun.lock'), 0, 0)
}
