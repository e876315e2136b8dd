import type { Aws } from '../aws/clients.ts'
import { attested } from '../provenance/attested.ts'
import type { Baked } from './choose.ts'

/**
 * In words, who vouches for an image; or that nobody was asked, if that is wanted. Throws `Stop` when nobody trusted does.
 */
export async function provenanceOf(aws: Aws, image: Baked, unattested: boolean): Promise<string> {
  if (unattested) return 'not checked (--unattested)'
  const { builder, signer } = await attested(aws, image)
  return `signed by ${builder} (${signer})`
}
