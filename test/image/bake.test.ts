import { beforeAll, describe, expect, test } from 'bun:test'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import { findLocalImage, type LocalImage } from '../../scripts/lib/image/local.ts'
import { root } from '../support/executable.ts'
import { temporaryFolder } from '../support/process.ts'
import { BAKE_TIMEOUT_MS, bakedImage, cannotBoot, runBake, sayWhatIsLeftOut } from './image.ts'

sayWhatIsLeftOut('baking', cannotBoot)

describe.skipIf(cannotBoot !== undefined)('a bake', () => {
  let image: LocalImage

  beforeAll(async () => {
    image = await bakedImage()
  }, BAKE_TIMEOUT_MS)

  test('adds the executable to the root file system, and less than 1 MB', async () => {
    using folder = temporaryFolder()
    await $`tar -C ${folder.path} -xpf ${image.base}`
    const added = (await bytesIn(image.root)) - (await bytesIn(folder.path))
    const executable = statSync(join(image.root, 'usr/local/bin/hello')).size
    console.log(`added: the executable (${executable} bytes) and ${added - executable} bytes`)
    expect(added - executable).toBeLessThan(1_000_000)
  })

  test('of a release that is baked already is not repeated', async () => {
    const { stdout, stderr } = await runBake('--local')
    expect(stderr).toContain('baked already')
    expect(stdout.trim()).toBe(image.root)
    const json = JSON.parse((await runBake('--local', '--json')).stdout)
    expect(json).toEqual({ ...image, already: true })
  })

  test('is noted in the manifest, with its release and where it is', async () => {
    const { builds, last_run_uuid } = await Bun.file(join(root, 'packer/manifest.json')).json()
    const last = builds.find(
      (build: { packer_run_uuid: string }) => build.packer_run_uuid === last_run_uuid,
    )
    expect(last.custom_data).toEqual({ release: image.release, image: image.root })
  })

  test(
    'done again makes the same files',
    async () => {
      const before = await listing(image.root)
      await runBake('--local', '--force')
      const again = findLocalImage(root, image.release) as LocalImage
      const after = await listing(again.root)
      const different = [...before]
        .filter((line) => !after.has(line))
        .concat([...after].filter((line) => !before.has(line)))
      // The login records of the bake itself: that it booted, and shut down, when.
      expect(different.filter((line) => !line.endsWith(' ./var/log/wtmp'))).toEqual([])
    },
    BAKE_TIMEOUT_MS,
  )
})

/** Every path with its mode, owner and, of a file, its checksum; of a link, its target. */
async function listing(folder: string): Promise<Set<string>> {
  const all = await $`find . -printf '%y %m %U:%G %l %p\n'`.cwd(folder).text()
  const sums = await $`find . -type f -print0 | xargs -0 sha256sum`.cwd(folder).text()
  return new Set(`${all}${sums}`.trim().split('\n'))
}

async function bytesIn(folder: string): Promise<number> {
  return Number(
    (await $`du --summarize --apparent-size --block-size=1 ${folder}`.text()).split('\t')[0],
  )
}
