/** A package that is in the executable. */
export interface Package {
  name: string
  version: string
  /** A Package URL, which identifies the package across tools: pkg:npm/zod@4.6.7. */
  purl: string
  /** An SPDX expression. */
  license: string
  /** The checksum of what was installed, in hexadecimal. */
  hash: { algorithm: 'SHA-256' | 'SHA-512'; content: string }
  /** The texts of its licences and notices. */
  texts: string[]
  /** The purls of the packages that it imports. */
  imports: string[]
}
