// write.ts METAFILE ARCH RELEASE BUILT_AT FOLDER BUN: what scripts/build embeds in the executable for ARCH beside its code.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { name } from '../../../../package.json'
import { Stop } from '../../cli/errors.ts'
import type { Arch } from '../../fleet/images.ts'
import { root } from '../../service.ts'
import { billOfMaterials } from './bill.ts'
import { bundledPackages } from './bundled.ts'
import { licensesOf } from './licenses.ts'
import { bunRuntime } from './runtime.ts'

const [metafile, arch, release, builtAt, folder, bun] = process.argv.slice(2) as [
  string,
  Arch,
  string,
  string,
  string,
  string,
]
try {
  const bundled = bundledPackages(root, await Bun.file(metafile).json())
  const runtime = bunRuntime(bun)
  const packages = [runtime, ...bundled.packages]
  const direct = [runtime.purl, ...bundled.direct]
  const executable = { name, release, arch, builtAt: new Date(builtAt), packages, direct }
  writeFileSync(join(folder, 'sbom.cdx.json'), billOfMaterials(executable))
  writeFileSync(join(folder, 'licenses.txt'), licensesOf(packages))
} catch (error) {
  if (!(error instanceof Stop)) throw error
  console.error(`build: ${error.message}`)
  process.exit(error.exitCode)
}
