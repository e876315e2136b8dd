import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'bun'
import {
  findLocalImage,
  imageFolder,
  type LocalImage,
  pruneImages,
} from '../../../scripts/lib/image/local.ts'
import { root } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { BAKE_TIMEOUT_MS, bakedImage, cannotBoot, runBake } from './image.ts'

sayWhatIsLeftOut('baking', cannotBoot)

describe.skipIf(cannotBoot !== undefined)('a bake', () => {
  let image: LocalImage

  beforeAll(async () => {
    image = await bakedImage()
  }, BAKE_TIMEOUT_MS)

  test('adds the executable and less than 1 MB to the root file system', async () => {
    using folder = temporaryFolder()
    await $`tar -C ${folder.path} -xpf ${image.base}`
    const added = (await bytesIn(image.root)) - (await bytesIn(folder.path))
    const executable = statSync(join(image.root, 'usr/local/bin/app')).size
    console.log(`added: the executable (${executable} bytes) and ${added - executable} bytes`)
    expect(added - executable).toBeLessThan(1_000_000)
  })

  test('of a release that is already baked is not repeated', async () => {
    const { stdout, stderr } = await runBake('--local')
    expect(stderr).toContain('already baked')
    expect(stdout.trim()).toBe(image.root)
    const json = JSON.parse((await runBake('--local', '--json')).stdout)
    expect(json).toEqual({ ...image, already: true })
  })

  test(
    'that is interrupted cancels Packer and leaves only the previous image',
    async () => {
      using folder = temporaryFolder()
      const images = join(root, 'packer', '.images')
      const before = readdirSync(images).sort()
      const bake = Bun.spawn([join(root, 'scripts/bake'), '--local', '--force'], {
        ...{ stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' },
        env: { ...process.env, TMPDIR: folder.path },
      })
      let said = ''
      for await (const chunk of bake.stderr) {
        const interrupted = said.includes('Connected to SSH')
        said += new TextDecoder().decode(chunk)
        if (!interrupted && said.includes('Connected to SSH')) bake.kill('SIGINT')
      }
      expect(await bake.exited).toBe(130)
      expect(said).toContain('Cancelling build after receiving terminated')
      expect(said).toEndWith('bake: interrupted\n')
      expect(readdirSync(images).sort()).toEqual(before)
      expect(readdirSync(folder.path)).toEqual([])
    },
    BAKE_TIMEOUT_MS,
  )
})

test('the most recently used images of a tree are kept', () => {
  using folder = temporaryFolder()
  for (const [index, release] of ['oldest', 'old', 'new'].entries()) {
    const path = imageFolder(folder.path, release)
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'image.json'), '{}')
    utimesSync(join(path, 'image.json'), index, index)
  }
  const images = join(folder.path, 'packer', '.images')
  writeFileSync(join(images, 'debian-12.tar'), '')
  findLocalImage(folder.path, 'oldest')
  pruneImages(folder.path, 2)
  expect(readdirSync(images).sort()).toEqual(['debian-12.tar', 'new', 'oldest'])
})

async function bytesIn(folder: string): Promise<number> {
  return Number(
    (await $`du --summarize --apparent-size --block-size=1 ${folder}`.text()).split('\t')[0],
  )
}
