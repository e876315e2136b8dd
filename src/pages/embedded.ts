import type { AppContext } from '../context.ts'
import { respond } from '../http/respond.ts'

export interface EmbeddedFile {
  /** Where Bun has embedded it, or where it is when run from source. */
  path: string
  mediaType: string
}

interface Content {
  plain: Uint8Array<ArrayBuffer>
  gzip: Uint8Array<ArrayBuffer>
  etag: string
}

const PAGE_HEADERS = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'Referrer-Policy': 'no-referrer',
  Vary: 'Accept-Encoding',
  'X-Frame-Options': 'DENY',
}

/** Serves embedded pages, compressed once and kept; clients that have them get 304. */
export function createPages() {
  const contents = new Map<string, Content>()

  function respondContent(
    c: AppContext,
    { plain, gzip, etag }: Content,
    mediaType: string,
  ): Response {
    const headers = { ...PAGE_HEADERS, ETag: etag }
    if (c.req.header('if-none-match') === etag) return respond(c, 304, null, headers)
    const compressed = /\bgzip\b/.test(c.req.header('accept-encoding') ?? '')
    const body = compressed ? gzip : plain
    return respond(c, 200, body, {
      ...headers,
      'Content-Type': mediaType,
      ...(compressed && { 'Content-Encoding': 'gzip' }),
    })
  }

  return {
    async respondFile(c: AppContext, { path, mediaType }: EmbeddedFile): Promise<Response> {
      const content = contents.get(path) ?? contentOf(await Bun.file(path).bytes())
      contents.set(path, content)
      return respondContent(c, content, mediaType)
    },
    respondText(c: AppContext, text: string, mediaType: string): Response {
      const content = contents.get(text) ?? contentOf(new TextEncoder().encode(text))
      contents.set(text, content)
      return respondContent(c, content, mediaType)
    },
  }
}

function contentOf(plain: Uint8Array<ArrayBuffer>): Content {
  const etag = `"${new Bun.CryptoHasher('sha256').update(plain).digest('hex').slice(0, 32)}"`
  return { plain, gzip: Bun.gzipSync(plain), etag }
}
