import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library'
import type { Package } from './package.ts'

export interface Executable {
  name: string
  /** The commit, with `-dirty` when the tree was. */
  release: string
  arch: string
  /** The commit time. */
  builtAt: Date
  /** Everything in it, Bun included. */
  packages: Package[]
  /** The purls of those that it uses itself. */
  direct: string[]
}

/** The bill of materials of an executable: CycloneDX 1.6, the same text for the same input. */
export function billOfMaterials(executable: Executable): string {
  const { name, release, arch, builtAt, packages, direct } = executable
  const purl = `pkg:generic/${name}@${release}?arch=${arch}`
  const root = new Models.Component(Enums.ComponentType.Application, name, {
    version: release,
    purl,
    bomRef: purl,
  })
  const components = new Map(packages.map((each) => [each.purl, component(each)]))
  for (const { purl, imports } of packages) link(components.get(purl), imports, components)
  link(root, direct, components)

  const bill = new Models.Bom({
    // Derived from what it describes, not random: two builds of a commit say the same.
    serialNumber: `urn:uuid:${Bun.randomUUIDv5(purl, 'url')}`,
    metadata: new Models.Metadata({ timestamp: builtAt, component: root }),
    components: new Models.ComponentRepository(components.values()),
  })
  const serializer = new Serialize.JsonSerializer(
    new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6),
  )
  return `${serializer.serialize(bill, { sortLists: true, space: 2 })}\n`
}

function component({ name, version, purl, license, hash }: Package): Models.Component {
  const [, group, base = name] = /^(@[^/]+)\/(.+)$/.exec(name) ?? []
  const type =
    hash.algorithm === 'SHA-256' ? Enums.ComponentType.Platform : Enums.ComponentType.Library
  return new Models.Component(type, base, {
    ...(group && { group }),
    version,
    purl,
    bomRef: purl,
    hashes: new Models.HashDictionary([[hash.algorithm as Enums.HashAlgorithm, hash.content]]),
    licenses: new Models.LicenseRepository([
      / (AND|OR|WITH) /.test(license)
        ? new Models.LicenseExpression(license)
        : new Models.SpdxLicense(license),
    ]),
  })
}

function link(
  from: Models.Component | undefined,
  purls: string[],
  components: Map<string, Models.Component>,
): void {
  for (const purl of purls) {
    const to = components.get(purl)
    if (to) from?.dependencies.add(to.bomRef)
  }
}
