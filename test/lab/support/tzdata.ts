import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './process.ts'

/** A machine whose tzdata has `release`, and in which Casablanca is a day ahead of UTC. */
export function machineWithTzdata(release: string) {
  const folder = temporaryFolder()
  const rules = join(folder.path, 'rules')
  writeFileSync(rules, 'Zone Africa/Casablanca 24:00 - XXX\n')
  Bun.spawnSync(['zic', '-d', folder.path, rules])
  writeFileSync(join(folder.path, 'tzdata.zi'), `# version ${release}\n`)
  return { ...folder, env: { TZDIR: folder.path, TIMEZONE: 'Africa/Casablanca' } }
}
