import { join } from 'node:path'
import { type Aws, connect } from '../aws/clients.ts'
import { EXIT, parse, runVerb, shortRelease, table, usageError } from '../cli.ts'
import { choose, listBaked } from '../deploy/choose.ts'
import { age } from '../ops/status.ts'
import { root } from '../paths.ts'
import { bumped, type ReleaseFile, readReleaseFile, writeReleaseFile } from '../release-file.ts'

const USAGE = `
usage: scripts/bump [RELEASE] [options]
       scripts/bump --previous [options]
       scripts/bump --list [options]

Writes the release to run, and its AMI, to terraform/release.auto.tfvars.json. Nothing changes in AWS; the next
terraform apply, or scripts/deploy, brings it there. Commit the file.

  RELEASE          a commit, tag or branch that was baked; without it the last bake in packer/manifest.json, else HEAD
  --previous       the newest earlier release that was not rolled back and whose AMI still exists
  --list           what is baked, and what was deployed when
  --arch NAME      arm64 or x86_64, when the release is baked for both
  --group NAME     Auto Scaling group that tells what was rolled back (hello-production)
  --region NAME    AWS region (AWS_REGION, or the profile's)
  --file FILE      the file to write (terraform/release.auto.tfvars.json)
  --manifest FILE  Packer's manifest (packer/manifest.json)
  --json           print the result as JSON

exit codes: 0 written, or so already; 1 refused; 2 usage
`

await runVerb('bump', USAGE, async (argv) => {
  const { values, positionals } = parse(argv, {
    previous: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    arch: { type: 'string' },
    group: { type: 'string', default: 'hello-production' },
    region: { type: 'string' },
    file: { type: 'string', default: join(root, 'terraform/release.auto.tfvars.json') },
    manifest: { type: 'string', default: join(root, 'packer/manifest.json') },
    json: { type: 'boolean', default: false },
  })
  const [release, ...rest] = positionals
  if (rest.length > 0) throw usageError(`'${rest[0]}' is one argument too many`)
  if ([release !== undefined, values.previous, values.list].filter(Boolean).length > 1) {
    throw usageError('give one of RELEASE, --previous and --list')
  }
  if (values.arch && !/^(arm64|x86_64)$/.test(values.arch)) {
    throw usageError(`--arch is arm64 or x86_64, got '${values.arch}'`)
  }
  const aws = connect(values.region)
  const file = await readReleaseFile(values.file)
  if (values.list) return await list(aws, file, values.json)

  const chosen = await choose(aws, root, values.manifest, file, {
    release,
    previous: values.previous,
    group: values.group,
    architecture: values.arch,
  })
  const next = bumped(file, { release: chosen.release, ami_id: chosen.ami_id }, new Date())
  if (next !== file) await writeReleaseFile(values.file, next)
  if (values.json) console.log(JSON.stringify(next, undefined, 2))
  else if (next === file)
    console.log(`release ${shortRelease(file.release)} (${file.ami_id}) is chosen already`)
  else {
    console.log(
      `release ${shortRelease(file.release)} -> ${shortRelease(next.release)}, ${next.ami_id} (${chosen.architecture}, baked ${age(new Date(), chosen.createdAt)} ago)\ncommit it: git commit -m "Ship ${next.release.slice(0, 12)}" terraform/release.auto.tfvars.json`,
    )
  }
  return EXIT.ok
})

async function list(aws: Aws, file: ReleaseFile, json: boolean): Promise<number> {
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
      each.architecture,
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
