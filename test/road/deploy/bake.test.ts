import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { name } from '../../../package.json'
import { connect } from '../../../scripts/lib/aws/clients.ts'
import { TAG } from '../../../scripts/lib/fleet/tags.ts'
import { newestBaseAt } from '../../../scripts/lib/image/ami.ts'
import { keepPackages } from '../../../scripts/lib/provenance/inventory.ts'
import { keptAt, packagesAt } from '../../../scripts/lib/provenance/kept.ts'
import { bake } from '../../../scripts/lib/release/bake.ts'
import { accountOf } from '../../lab/aws-double/account.ts'
import { BUILDER, KEYS } from '../../lab/support/attestation.ts'
import { makeTree } from '../../lab/support/built-tree.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { stubCommand } from '../../lab/support/stub.ts'
import { noPermissions, type Scene, startScene } from './fixtures/scene.ts'
import { PATIENCE_MS } from './fixtures/script.ts'

setDefaultTimeout(PATIENCE_MS)

const [FAILED, MADE, RUNNING] = [
  'ami-0fffffffffffffffe',
  'ami-0eeeeeeeeeeeeeeee',
  'ami-0ddddddddddddddde',
]
const [OLD_BASE, NEW_BASE] = ['ami-0aaaaaaaaaaaaaaa0', 'ami-0aaaaaaaaaaaaaaa1']
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
    const list = 'openssl 1:3.0.8-2.amzn2023 aarch64\nzlib 0:1.2.11-33.amzn2023 aarch64\n'
    const packer = `for word; do case $word in packages=*) printf '${list}' >"\${word#packages=}" ;; esac; done`
    stubCommand(bin, 'packer', `#!/bin/sh\n${packer}\necho 'eu-west-1: ${MADE}'\n`)
    stubCommand(bin, 'session-manager-plugin', '#!/bin/sh\n')
    Object.assign(process.env, scene.env, { PATH: `${bin}:${former.PATH}` })
    const key = join(bin, 'key.pem')
    writeFileSync(key, KEYS.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const options = { root: folder.path, local: false, arch: 'arm64', region: undefined } as const
    // By force, since what the stub says it made is there from the start.
    const made = { force: true, patch: false, builder: BUILDER, key, json: false }
    // A snapshot stays in use for a moment after its image is gone.
    const inUse = { kind: 'error', code: 'InvalidSnapshot.InUse', message: '' } as const
    scene.double.faults.add(/^DeleteSnapshot$/, inUse, 2)
    expect(await bake({ ...options, ...made }, new AbortController().signal)).toBe(MADE)

    expect([...scene.plane.images.keys()]).not.toContain(FAILED)
    expect([...account.snapshots.keys()]).toEqual([])
    expect(JSON.parse(account.values.get(keptAt(MADE)) ?? '{}')).toHaveProperty('signatures')
  },
)

test.skipIf(noPermissions !== undefined)(
  'a release whose base is not the newest is baked again by --patch, which says what differs',
  async () => {
    using folder = temporaryFolder()
    const { id: release } = await makeTree(folder.path)
    const bin = join(folder.path, 'bin')
    mkdirSync(bin)
    const list = (openssl: string, other: string) =>
      `openssl ${openssl} aarch64\n${other} 0:1.2.11-33.amzn2023 aarch64\n`
    writeFileSync(join(bin, 'list'), list('1:3.0.8-2.amzn2023', 'zlib'))
    const found = `for word; do case $word in packages=*) cp ${bin}/list "\${word#packages=}" ;; esac; done`
    stubCommand(bin, 'packer', `#!/bin/sh\n${found}\necho 'eu-west-1: ${MADE}'\n`)
    stubCommand(bin, 'session-manager-plugin', '#!/bin/sh\n')
    Object.assign(process.env, scene.env, { PATH: `${bin}:${former.PATH}` })
    const image = (id: string, base: string, createdAt: number) =>
      scene.plane.images.set(id, {
        ...{ id, name: id, architecture: 'arm64', createdAt },
        tags: { service: name, release, [TAG.source]: base },
      })
    // The stub's is there from the start, but not the newest.
    image(MADE, NEW_BASE, 0)
    image(RUNNING, OLD_BASE, Date.now())
    const { values } = accountOf(scene.plane)
    values.set(newestBaseAt('arm64'), OLD_BASE)
    const patch = async () =>
      JSON.parse(
        await bake(
          {
            ...{ root: folder.path, local: false, arch: 'arm64', region: undefined, force: false },
            ...{ patch: true, builder: undefined, key: undefined, json: true },
          },
          new AbortController().signal,
        ),
      )
    expect(await patch()).toMatchObject({ ami: RUNNING, already: true, changes: [] })

    values.set(newestBaseAt('arm64'), NEW_BASE)
    await keepPackages(connect(), RUNNING, list('1:3.0.8-1.amzn2023', 'xz'))
    values.delete(packagesAt(MADE))
    expect(await patch()).toMatchObject({
      ...{ ami: MADE, source: NEW_BASE, replaces: RUNNING, already: false },
      changes: [
        `3 packages differ from those of ${RUNNING}`,
        'openssl 1:3.0.8-1.amzn2023 -> 1:3.0.8-2.amzn2023',
        'xz 0:1.2.11-33.amzn2023 is gone',
        'zlib 0:1.2.11-33.amzn2023 is new',
      ],
    })

    scene.plane.images.delete(MADE)
    scene.plane.images.delete(RUNNING)
    await expect(patch()).rejects.toThrow('has no AMI for arm64 to patch')
  },
)
