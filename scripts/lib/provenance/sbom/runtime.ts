import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'
import type { Arch } from '../../fleet/images.ts'
import { spdxTexts } from './licenses.ts'
import type { Package } from './package.ts'

const LICENSE = 'MIT AND LGPL-2.0-or-later'

/** Those who ship JavaScriptCore must say that it is there, and how to replace it. */
const NOTICE = (tag: string) =>
  `Bun ${tag.replace('bun-v', '')} contains JavaScriptCore, under the LGPL 2, and other libraries.
Their licences, and how to link Bun with another JavaScriptCore: https://github.com/oven-sh/bun/blob/${tag}/LICENSE.md`

/** The Bun that an executable for `arch` contains. */
export async function bunRuntime(arch: Arch): Promise<Package> {
  const content = new Bun.CryptoHasher('sha256')
    .update(readFileSync(await pathOf(arch)))
    .digest('hex')
  return {
    name: 'bun',
    version: Bun.version,
    purl: `pkg:npm/bun@${Bun.version}`,
    license: LICENSE,
    hash: { algorithm: 'SHA-256', content },
    texts: [NOTICE(`bun-v${Bun.version}`), ...spdxTexts(LICENSE)],
    imports: [],
  }
}

/** Bun embeds itself, or for another architecture a copy from its cache, which it fetches when it first needs it. */
async function pathOf(arch: Arch): Promise<string> {
  if (process.platform === 'linux' && arch === process.arch) return process.execPath
  const cache = (await $`${process.execPath} pm cache`.quiet().text()).trim()
  const cached = join(cache, `bun-linux-${arch === 'arm64' ? 'aarch64' : arch}-v${Bun.version}`)
  if (!existsSync(cached)) {
    const work = mkdtempSync(join(tmpdir(), 'bun-runtime-'))
    try {
      writeFileSync(join(work, 'empty.js'), '')
      await $`${process.execPath} build --compile --target=bun-linux-${arch} --outfile=empty empty.js`
        .cwd(work)
        .quiet()
    } finally {
      rmSync(work, { recursive: true })
    }
  }
  return cached
}
