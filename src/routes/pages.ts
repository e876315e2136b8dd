import { Hono } from 'hono'
import type { AppDependencies, AppEnv } from '../app.ts'
import { methodNotAllowed } from '../middleware/method-not-allowed.ts'
import { openapiDocument } from '../openapi.ts'
import { assetFiles, pageFiles } from '../pages/files.ts'
import { createPages } from '../pages/pages.ts'

/** The page to try the service, the reference, and the document that the reference shows. */
export function pageRoutes({ release }: Pick<AppDependencies, 'release'>): Hono<AppEnv> {
  const { answerFile, answerText } = createPages()
  const readOnly = methodNotAllowed('GET, HEAD')
  const openapi = JSON.stringify(openapiDocument(release))

  return new Hono<AppEnv>()
    .get('/', (c) => answerFile(c, pageFiles.index))
    .all('/', readOnly)
    .get('/docs', (c) => answerFile(c, pageFiles.docs))
    .all('/docs', readOnly)
    .get('/openapi.json', (c) => answerText(c, openapi, 'application/json'))
    .all('/openapi.json', readOnly)
    .get('/assets/:name', (c, next) => {
      const file = assetFiles[c.req.param('name')]
      return file ? answerFile(c, file) : next()
    })
}
