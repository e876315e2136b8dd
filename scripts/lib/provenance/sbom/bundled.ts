import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BuildMetafile } from 'bun'
import { Stop } from '../../cli/errors.ts'
import type { Package } from './package.ts'

export interface Bundled {
  /** In the order of their purls. */
  packages: Package[]
  /** The purls of those that the service itself imports. */
  direct: string[]
}

/**
 * The packages with code in the bundle that `metafile` describes, with the checksums of bun.lock at `root`. Throws
 * `Stop` for a package that bun.lock does not have or that names no licence.
 */
export function bundledPackages(root: string, metafile: BuildMetafile): Bundled {
  const locked = lockedHashes(root)
  const shipped = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? path : [])),
  )
  const packages = new Map<string, Package>()
  const direct = new Set<string>()
  for (const path of shipped) {
    const folder = packageFolder(path)
    if (!folder || packages.has(folder)) continue
    packages.set(folder, readPackage(root, folder, locked))
  }
  for (const path of shipped) {
    const from = packages.get(packageFolder(path) ?? '')
    // Of what was compiled into the file.
    const text = join(root, `${path}.LICENSE.txt`)
    if (from && existsSync(text)) from.texts.push(readFileSync(text, 'utf8').trim())
    for (const { path: target } of metafile.inputs[path]?.imports ?? []) {
      const to = packages.get(packageFolder(target) ?? '')
      if (!to || to === from) continue
      if (!from) direct.add(to.purl)
      else if (!from.imports.includes(to.purl)) from.imports.push(to.purl)
    }
  }
  const inOrder = [...packages.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1))
  for (const { imports } of inOrder) imports.sort()
  return { packages: inOrder, direct: [...direct].sort() }
}

/** The folder of the package that the file belongs to; undefined for the service's own files. */
function packageFolder(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0]
}

function readPackage(root: string, folder: string, locked: Map<string, string>): Package {
  const { name, version, license } = JSON.parse(
    readFileSync(join(root, folder, 'package.json'), 'utf8'),
  )
  const content = locked.get(`${name}@${version}`)
  if (!content) throw new Stop(`${folder} is ${name} ${version}, which bun.lock does not have`)
  if (typeof license !== 'string') throw new Stop(`${folder}/package.json names no licence`)
  return {
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    license,
    hash: { algorithm: 'SHA-512', content },
    texts: licenseTexts(join(root, folder)),
    imports: [],
  }
}

function licenseTexts(folder: string): string[] {
  return [...new Bun.Glob('*').scanSync(folder)]
    .filter((name) => /^(licen[cs]e|notice|copying)\b/i.test(name))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8').trim())
}

/** The checksums of the packages' archives, in hexadecimal, by NAME@VERSION. */
function lockedHashes(root: string): Map<string, string> {
  const lock = Bun.JSONC.parse(readFileSync(join(root, 'bun.lock'), 'utf8')) as {
    packages: Record<string, [id: string, registry: string, info: unknown, integrity: string]>
  }
  return new Map(
    Object.values(lock.packages).flatMap(([id, , , integrity]) => {
      const [, base64] = /^sha512-(.+)$/.exec(integrity) ?? []
      return base64 ? [[id, Buffer.from(base64, 'base64').toString('hex')]] : []
    }),
  )
}
