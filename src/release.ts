// scripts/build defines these with --define; they are undefined when run from source.
declare const BUILD_RELEASE: string
declare const BUILD_COMMIT: string
declare const BUILD_TIME: string

/** What this program was built from. `id` is the commit, with `-dirty` when the tree was. */
export const release = {
  id: typeof BUILD_RELEASE === 'undefined' ? 'source' : BUILD_RELEASE,
  commit: typeof BUILD_COMMIT === 'undefined' ? 'source' : BUILD_COMMIT,
  builtAt: typeof BUILD_TIME === 'undefined' ? 'not built' : BUILD_TIME,
} as const

export type Release = typeof release

/** A text that scripts/build embedded. Throws when run from source. */
export async function embeddedText(name: 'sbom.cdx.json' | 'licenses.txt'): Promise<string> {
  const found = Bun.embeddedFiles.find((file) => 'name' in file && file.name === name)
  if (!found) throw new Error(`run from source: only what scripts/build makes contains ${name}`)
  return found.text()
}
