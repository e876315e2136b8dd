import type { Aws } from '../aws/clients.ts'
import { EXIT } from '../cli/errors.ts'
import { age, shortRelease, table } from '../cli/format.ts'
import type { Baked } from './choose.ts'
import { listBaked } from './choose.ts'
import { bumped, type ReleaseFile, writeReleaseFile } from './file.ts'

/** Writes `chosen` to the release file at `path`, which contains `file`, unless unchanged. Prints what it did. */
export async function bump(
  path: string,
  file: ReleaseFile,
  chosen: Baked,
  json: boolean,
): Promise<number> {
  const { release, ami_id, arch, createdAt } = chosen
  const next = bumped(file, { release, ami_id }, new Date())
  if (next !== file) await writeReleaseFile(path, next)
  if (json) console.log(JSON.stringify(next, undefined, 2))
  else if (next === file) {
    console.log(`release ${shortRelease(release)} (${ami_id}) is already chosen`)
  } else {
    console.log(
      `release ${shortRelease(file.release)} -> ${shortRelease(release)}, ${ami_id} (${arch}, baked ${age(new Date(), createdAt)} ago)\ncommit it: git commit -m "Ship ${release.slice(0, 12)}" terraform/release.auto.tfvars.json`,
    )
  }
  return EXIT.ok
}

/** Prints the baked releases and the deployment history. */
export async function listReleases(aws: Aws, file: ReleaseFile, json: boolean): Promise<number> {
  const baked = await listBaked(aws)
  const isBaked = (ami: string): boolean => baked.some(({ ami_id }) => ami_id === ami)
  if (json) {
    console.log(JSON.stringify({ ...file, baked }, undefined, 2))
    return EXIT.ok
  }
  const now = new Date()
  const rows = [
    ['', 'RELEASE', 'AMI', 'ARCH', 'BAKED'],
    ...baked.map((each) => [
      each.ami_id === file.ami_id ? '*' : '',
      shortRelease(each.release),
      each.ami_id,
      each.arch ?? '',
      `${age(now, each.createdAt)} ago`,
    ]),
  ]
  const past = [
    ['', 'BEFORE', 'AMI', 'UNTIL'],
    ...file.history.map((each) => [
      '',
      shortRelease(each.release),
      isBaked(each.ami_id) ? each.ami_id : `${each.ami_id} (gone)`,
      each.bumped_at,
    ]),
  ]
  console.log([...table(rows), ...(file.history.length > 0 ? ['', ...table(past)] : [])].join('\n'))
  return EXIT.ok
}
