import { beforeAll, describe, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { $ } from 'bun'
import { findLocalImage, type LocalImage } from '../../../scripts/lib/image/local.ts'
import { checkStatement } from '../../../scripts/lib/provenance/statement.ts'
import { open } from '../../../scripts/lib/receipt/envelope.ts'
import { root, service } from '../../../scripts/lib/service.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { BAKE_TIMEOUT_MS, bakedImage, cannotBoot } from './image.ts'

const BUILDER = 'https://example.com/bake'
const KEYS = generateKeyPairSync('ed25519')

sayWhatIsLeftOut('the comparison of two bakes', cannotBoot)

describe.skipIf(cannotBoot !== undefined)('two bakes of one release', () => {
  let base: string

  beforeAll(async () => {
    base = (await bakedImage()).base
  }, BAKE_TIMEOUT_MS)

  test(
    'each installed, built and baked in a clone of its own, are the same files at the same times, and one archive',
    async () => {
      using folder = temporaryFolder()
      const [first, second] = ['first', 'second'].map((each) => join(folder.path, each)) as [
        string,
        string,
      ]
      const image = await bakeInClone(first, base)
      const again = await bakeInClone(second, base)
      const [before, after] = await Promise.all([listing(image.root), listing(again.root)])
      expect([...before].filter((line) => !after.has(line))).toEqual([])
      expect([...after].filter((line) => !before.has(line))).toEqual([])
      expect(before.size).toBeGreaterThan(5_000)
      expect(sha256(again.archive)).toBe(sha256(image.archive))
      // Journals and wtmp tell of the machine that baked.
      expect(await $`find var/log -type f -size +0`.cwd(image.root).text()).toBe('')

      // What each states about its own files is true of the other's.
      const path = `dist/provenance/${image.release}-${image.arch}.intoto.json`
      const envelope = await Bun.file(join(second, path)).json()
      const dist = `${service.name}-linux-${image.arch}`
      checkStatement(open(envelope, [KEYS.publicKey]), {
        builder: BUILDER,
        commit: image.release,
        artifacts: [
          { name: dist, sha256: sha256(join(image.root, 'usr/local/bin/app')) },
          {
            name: `${dist}.cdx.json`,
            sha256: sha256(join(image.root, 'usr/local/lib/app/sbom.cdx.json')),
          },
          { name: 'root.tar.zst', sha256: sha256(image.archive) },
        ],
      })

      // Built there a third time, by somebody who has only the public key, it holds; and altered it does not.
      const whole = await verify(second, again)
      expect(whole.text).toMatch(/^ok +executable +[0-9a-f]{12}, rebuilt and in dist$/m)
      expect(whole.text).toMatch(/^ok +sbom +[0-9a-f]{12}, rebuilt and in dist$/m)
      expect(whole.text).toMatch(
        /^ok +image folder +the executable, the bill of materials, the arc/m,
      )
      expect(whole.code).toBe(0)
      appendFileSync(join(again.root, 'usr/local/bin/app'), ' ')
      appendFileSync(join(second, 'dist', `${dist}.cdx.json`), ' ')
      const altered = await verify(second, again, '--no-rebuild')
      expect(altered.text).toMatch(/^WRONG +sbom +in dist it has the checksum /m)
      expect(altered.text).toMatch(/^WRONG +image folder +the executable of .* has the checksum /m)
      expect(altered.code).toBe(1)
    },
    BAKE_TIMEOUT_MS,
  )
})

/** Tells the chain of an image that was baked in `clone`, without AWS. */
async function verify(clone: string, image: LocalImage, ...words: string[]) {
  const trusted = `${clone}-trusted.json`
  const key = KEYS.publicKey.export({ type: 'spki', format: 'pem' })
  await Bun.write(trusted, JSON.stringify([{ builder: BUILDER, key }]))
  const all = ['HEAD', '--offline', '--branch', 'HEAD', '--trusted', trusted, '--image', image.root]
  const ran = await $`scripts/verify ${all} ${words}`.cwd(clone).nothrow().quiet()
  return { text: ran.stdout.toString() + ran.stderr.toString(), code: ran.exitCode }
}

/** Builds and bakes the commit in a new clone, which installs what its lock file names, from the Debian in `base`. */
async function bakeInClone(clone: string, base: string): Promise<LocalImage> {
  await $`git clone --quiet --shared ${root} ${clone}`
  const images = join(clone, 'packer', '.images')
  mkdirSync(images, { recursive: true })
  symlinkSync(base, join(images, basename(base)))
  const key = `${clone}-key.pem`
  writeFileSync(key, KEYS.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await $`scripts/build && scripts/bake --local --builder ${BUILDER} --key ${key}`
    .cwd(clone)
    .quiet()
  const release = (await $`git rev-parse HEAD`.cwd(clone).text()).trim()
  const image = findLocalImage(clone, release)
  if (!image) throw new Error(`no image of ${release} in ${clone}`)
  return image
}

/** Every path with its mode, owner and time, the target of a link, and the checksum of a file. */
async function listing(folder: string): Promise<Set<string>> {
  const all = await $`find . -printf '%y %m %U:%G %T@ %l %p\n'`.cwd(folder).text()
  const sums = await $`find . -type f -print0 | xargs -0 sha256sum`.cwd(folder).text()
  return new Set(`${all}${sums}`.trim().split('\n'))
}

const sha256 = (path: string) =>
  new Bun.CryptoHasher('sha256').update(readFileSync(path)).digest('hex')
