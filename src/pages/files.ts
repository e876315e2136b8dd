import swaggerCss from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' }
import swaggerJs from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' }
import icon from '../domain/page/icon.svg' with { type: 'file' }
import indexJs from '../domain/page/index.client.js' with { type: 'file' }
import indexCss from '../domain/page/index.css' with { type: 'file' }
import indexHtml from '../domain/page/index.html' with { type: 'file' }
import docsJs from './docs.client.js' with { type: 'file' }
import docsCss from './docs.css' with { type: 'file' }
import docsHtml from './docs.html' with { type: 'file' }

export interface EmbeddedFile {
  /** Where Bun has embedded it, or where it is when run from source. */
  path: string
  mediaType: string
}

// These imports are typed as modules; with { type: 'file' } each is a path.
const file = (path: unknown, mediaType: string): EmbeddedFile => ({
  path: path as string,
  mediaType: `${mediaType}; charset=utf-8`,
})

export const pageFiles = {
  index: file(indexHtml, 'text/html'),
  docs: file(docsHtml, 'text/html'),
}

/** By name under /assets/. */
export const assetFiles: ReadonlyMap<string, EmbeddedFile> = new Map([
  ['index.css', file(indexCss, 'text/css')],
  ['index.js', file(indexJs, 'text/javascript')],
  ['docs.css', file(docsCss, 'text/css')],
  ['docs.js', file(docsJs, 'text/javascript')],
  ['icon.svg', file(icon, 'image/svg+xml')],
  ['swagger-ui.css', file(swaggerCss, 'text/css')],
  ['swagger-ui.js', file(swaggerJs, 'text/javascript')],
])
