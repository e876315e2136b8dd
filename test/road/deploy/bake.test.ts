import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { keptAt } from '../../../scripts/lib/provenance/kept.ts'
import { bake } from '../../../scripts/lib/release/bake.ts'
import { accountOf } from '../../lab/aws-double/account.ts'
import { BUILDER, KEYS } from '../../lab/support/attestation.ts'
import { makeTree } from '../../lab/support/built-tree.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import { noPermissions, type Scene, startScene } from './fixtures/scene.ts'
import { PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

const [FAILED, MADE] = ['ami-0fffffffffffffffe', 'ami-0eeeeeeeeeeeeeeee']
const SNAPSHOT = 'snap-0fffffffffffffffe'

let scene: Scene
const former = { ...process.env }
beforeAll(async () => {
  scene = await startScene({ instances: 1, role: 'bake' })
})
afterAll(async () => {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, former)
  await scene.stop()
})

test.skipIf(noPermissions !== undefined)(
  'the role of the bake workflow may do all that scripts/bake does beside Packer',
  async () => {
    using folder = temporaryFolder()
    const { id: release } = await makeTree(folder.path)
    const unfinished = { Name: `packer ${name} ${release.slice(0, 12)}` }
    const image = { name: 'any', architecture: 'arm64', createdAt: Date.now() }
    scene.plane.images.set(FAILED, {
      id: FAILED,
      ...image,
      tags: unfinished,
      snapshots: [SNAPSHOT],
    })
    scene.plane.images.set(MADE, { id: MADE, ...image, tags: { service: name, release } })
    const account = accountOf(scene.plane)
    account.snapshots.set(SNAPSHOT, unfinished)

    const bin = join(folder.path, 'bin')
    mkdirSync(bin)
    stubCommand(bin, 'packer', `#!/bin/sh\necho 'eu-west-1: ${MADE}'\n`)
    stubCommand(bin, 'session-manager-plugin', '#!/bin/sh\n')
    Object.assign(process.env, scene.env, { PATH: `${bin}:${former.PATH}` })
    const key = join(bin, 'key.pem')
    writeFileSync(key, KEYS.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const options = { root: folder.path, local: false, arch: 'arm64', region: undefined } as const
    // By force, since what the stub says it made is there from the start.
    const made = { force: true, builder: BUILDER, key, json: false }
    // A snapshot stays in use for a moment after its image is gone.
    const inUse = { kind: 'error', code: 'InvalidSnapshot.InUse', message: '' } as const
    scene.double.faults.add(/^DeleteSnapshot$/, inUse, 2)
    expect(await bake({ ...options, ...made }, new AbortController().signal)).toBe(MADE)

    expect([...scene.plane.images.keys()]).not.toContain(FAILED)
    expect([...account.snapshots.keys()]).toEqual([])
    expect(JSON.parse(account.values.get(keptAt(MADE)) ?? '{}')).toHaveProperty('signatures')
  },
)
