import licenses from 'spdx-license-list/full'
import type { Package } from './package.ts'

const RULE = '-'.repeat(80)

/**
 * The licences of `packages`, each text once, under the packages that it belongs to. A package that ships no text of its
 * licence gets the one that SPDX has.
 */
export function licensesOf(packages: Package[]): string {
  const owners = new Map<string, string[]>()
  for (const { name, version, license, texts } of packages) {
    for (const text of texts.length > 0 ? texts : spdxTexts(license)) {
      owners.set(text, [...(owners.get(text) ?? []), `${name} ${version} (${license})`])
    }
  }
  const list = packages.map(({ name, version, license }) => `${name} ${version}: ${license}`)
  const sections = [...owners].map(([text, names]) => `${RULE}\n${names.join('\n')}\n\n${text}\n`)
  return `${list.join('\n')}\n\n${sections.join('\n')}`
}

/** The texts of the licences in an SPDX expression, with placeholders where a package would name its authors. */
export function spdxTexts(expression: string): string[] {
  return expression.split(/ AND | OR |[()]/).map((id) => {
    const found = licenses[id]
    if (!found) throw new Error(`SPDX has no licence ${id}`)
    return found.licenseText.trim()
  })
}
