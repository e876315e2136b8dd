import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What Packer's manifest post-processor writes, as far as it is used here. */
interface Manifest {
  builds: Build[]
  last_run_uuid: string
}

interface Build {
  name: string
  builder_type: string
  /** Seconds since 1970. */
  build_time: number
  files: null
  /** `region:ami-…`, with commas between when it was copied to other regions. */
  artifact_id: string
  packer_run_uuid: string
  custom_data: Record<string, string>
}

export function manifestPath(root: string): string {
  return join(root, 'packer', 'manifest.json')
}

/** The AMI of Packer's last run in `region`. */
export function lastAmi(path: string, region: string): string | undefined {
  const { builds, last_run_uuid } = read(path)
  const last = builds.find(({ packer_run_uuid }) => packer_run_uuid === last_run_uuid)
  const ids = last?.artifact_id.split(',') ?? []
  return ids.find((id) => id.startsWith(`${region}:`))?.slice(region.length + 1)
}

/** Notes an AMI that an earlier bake made, perhaps on another machine, so that it is the last one here too. */
export function noteAmi(path: string, ami: string, region: string, release: string): void {
  const { builds } = read(path)
  const uuid = crypto.randomUUID()
  builds.push({
    name: 'al2023',
    builder_type: 'amazon-ebs',
    build_time: Math.floor(Date.now() / 1000),
    files: null,
    artifact_id: `${region}:${ami}`,
    packer_run_uuid: uuid,
    custom_data: { release },
  })
  writeFileSync(path, `${JSON.stringify({ builds, last_run_uuid: uuid }, null, 2)}\n`)
}

function read(path: string): Manifest {
  return existsSync(path)
    ? JSON.parse(readFileSync(path, 'utf8'))
    : { builds: [], last_run_uuid: '' }
}
