import { join } from 'node:path'
import { $ } from 'bun'
import { fileAt } from '../../../../scripts/lib/cli/git.ts'
import type { Arch } from '../../../../scripts/lib/fleet/images.ts'
import {
  executableName,
  lockedMaterials,
  sbomName,
} from '../../../../scripts/lib/image/artifacts.ts'
import { keptAt } from '../../../../scripts/lib/provenance/kept.ts'
import { amiArtifact } from '../../../../scripts/lib/receipt/envelope.ts'
import { service } from '../../../../scripts/lib/service.ts'
import { findInImage } from '../../../../scripts/lib/verify/image.ts'
import { accountOf } from '../../aws-double/account.ts'
import {
  attest,
  BUILDER,
  entryOf,
  KEYS,
  receiptsOf,
  SOURCE,
  stated,
  trust,
} from '../../support/attestation.ts'
import type { ReleaseName } from '../fleet/releases.ts'
import type { Rehearsal } from '../rehearsal.ts'

/** The branch of the clone that the rehearsed releases are on. */
const BRANCH = 'rehearsed'

const RECEIPT_KEY = `${service.environmentPrefix}_ROLLOUT_RECEIPT_KEY`

/**
 * Has the clone trust the rehearsal's key, states with it what the images really contain, and has the scripts sign their
 * receipts. The key is new in each rehearsal.
 */
export async function vouch(rehearsal: Rehearsal, clone: string): Promise<void> {
  const { plane, assignment } = rehearsal
  await trust(clone, [entryOf(BUILDER, KEYS.publicKey), receiptsOf(KEYS.publicKey)])
  await $`git branch ${BRANCH} ${rehearsal.release('b').id}`.cwd(clone)
  const arch = process.arch as Arch
  for (const { name, image, id } of assignment.releases) {
    const ami = rehearsal.imageOf(name)
    const sums = findInImage(image)
    const artifacts = [
      { name: executableName(arch), sha256: sums.executable },
      { name: sbomName(arch), sha256: sums.sbom },
      amiArtifact(ami),
    ]
    // That A and B are, the commits say: B is an empty one.
    const { id: compatibleWith = '' } = assignment.releases.find((each) => each.name !== name) ?? {}
    const locked = await lockedMaterials(arch, (path) => fileAt(clone, id, path))
    const materials = [...locked, amiArtifact(SOURCE)]
    const parameters = { arch, compatibleWith }
    attest(plane, ami, stated(plane, ami, { parameters, materials, artifacts }))
    Object.assign(plane.images.get(ami)?.tags ?? {}, sums)
    await Bun.write(statementOf(rehearsal, name), accountOf(plane).values.get(keptAt(ami)) ?? '')
  }
  const key = join(assignment.folder, 'key.pem')
  await Bun.write(key, KEYS.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  process.env[RECEIPT_KEY] = key
}

/** Expects scripts/verify to tell the chain of the release that runs, whose receipt is the last one. */
export async function expectChain(
  rehearsal: Rehearsal,
  clone: string,
  name: ReleaseName,
  rollouts: number,
): Promise<void> {
  const { folder } = rehearsal.assignment
  rehearsal.mark('verify')
  const words = [
    join(folder, `rollout-${rollouts}.json`),
    ...['--branch', BRANCH, '--image', rehearsal.release(name).image],
    // Building would take the processor from the load.
    '--no-rebuild',
  ]
  const code = await rehearsal.script('verify', words, 'verify.log', clone)
  const log = await Bun.file(join(folder, 'verify.log')).text()
  rehearsal.expect(
    'scripts/verify tells the chain',
    code === 0,
    log.trim().split('\n').at(-1) ?? '',
  )
}

const statementOf = ({ assignment }: Rehearsal, name: ReleaseName): string =>
  join(assignment.folder, `statement-${name}.intoto.json`)
