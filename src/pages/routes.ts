import type { AppContext } from '../http/exchange.ts'
import type { Responder } from '../http/respond.ts'
import { type Routes, unknownPath } from '../http/routes.ts'
import { assetFiles, type EmbeddedFile, pageFiles } from './files.ts'

interface Representation {
  body: Uint8Array<ArrayBuffer>
  headers: Record<string, string>
}

interface Content {
  plain: Representation
  gzip: Representation
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

/**
 * The page to try the service, the API reference, and the OpenAPI document it shows: made and compressed when first asked
 * for, and kept; clients that have them get 304.
 */
export function pageRoutes(respond: Responder, openapi: () => object): Routes {
  const contents = new Map<EmbeddedFile, Content>()
  let document: Content | undefined

  async function respondFile(c: AppContext, file: EmbeddedFile): Promise<Response> {
    const content =
      contents.get(file) ?? contentOf(await Bun.file(file.path).bytes(), file.mediaType)
    contents.set(file, content)
    return respondContent(c, content)
  }

  function respondContent(c: AppContext, { plain, gzip }: Content): Response {
    const { body, headers } = acceptsGzip(c.req.header('accept-encoding')) ? gzip : plain
    const { 'Content-Type': type, 'Content-Encoding': encoding, ...lasting } = headers
    return isKnown(c.req.header('if-none-match'), headers.ETag)
      ? respond.send(c, 304, null, lasting)
      : respond.send(c, 200, body, { ...headers })
  }

  return {
    '/': { GET: (c) => respondFile(c, pageFiles.index) },
    '/docs': { GET: (c) => respondFile(c, pageFiles.docs) },
    '/docs/': { GET: (c) => respond.send(c, 308, null, { Location: '/docs' }) },
    '/openapi.json': {
      GET(c) {
        document ??= contentOf(
          new TextEncoder().encode(JSON.stringify(openapi())),
          'application/json',
        )
        return respondContent(c, document)
      },
    },
    '/assets/:name': {
      GET(c) {
        const file = assetFiles.get(c.req.param('name') ?? '')
        if (!file) throw unknownPath()
        return respondFile(c, file)
      },
    },
  }
}

/** Each representation has a tag of its own: a cache may combine those that share one. */
function contentOf(plain: Uint8Array<ArrayBuffer>, mediaType: string): Content {
  const hash = new Bun.CryptoHasher('sha256').update(plain).digest('hex').slice(0, 32)
  const headers = { ...PAGE_HEADERS, 'Content-Type': mediaType }
  return {
    plain: { body: plain, headers: { ...headers, ETag: `"${hash}"` } },
    gzip: {
      body: Bun.gzipSync(plain),
      headers: { ...headers, ETag: `"${hash}-gzip"`, 'Content-Encoding': 'gzip' },
    },
  }
}

/** RFC 9110, 12.5.3: gzip by name, else by `*`, unless its weight is 0. */
function acceptsGzip(header = ''): boolean {
  const codings = new Map(
    header.split(',').map((part) => {
      const [coding = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase())
      return [coding, !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))]
    }),
  )
  return codings.get('gzip') ?? codings.get('x-gzip') ?? codings.get('*') ?? false
}

/** RFC 9110, 13.1.2: one of a list, compared weakly, or `*`. */
function isKnown(header = '', etag = ''): boolean {
  return header
    .split(',')
    .map((tag) => tag.trim())
    .some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag)
}
