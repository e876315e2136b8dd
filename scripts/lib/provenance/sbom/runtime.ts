import { readFileSync } from 'node:fs'
import { sha256Of } from '../../image/artifacts.ts'
import { spdxTexts } from './licenses.ts'
import type { Package } from './package.ts'

const LICENSE = 'MIT AND LGPL-2.0-or-later'

/** Those who ship JavaScriptCore must say that it is there, and how to replace it. */
const NOTICE = (tag: string) =>
  `Bun ${tag.replace('bun-v', '')} contains JavaScriptCore, under the LGPL 2, and other libraries.
Their licences, and how to link Bun with another JavaScriptCore: https://github.com/oven-sh/bun/blob/${tag}/LICENSE.md`

/** The Bun at `path`, which an executable contains. */
export const bunRuntime = (path: string): Package => ({
  name: 'bun',
  version: Bun.version,
  purl: `pkg:npm/bun@${Bun.version}`,
  license: LICENSE,
  hash: { algorithm: 'SHA-256', content: sha256Of(readFileSync(path)) },
  texts: [NOTICE(`bun-v${Bun.version}`), ...spdxTexts(LICENSE)],
  imports: [],
})
