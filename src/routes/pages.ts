import { Hono } from 'hono'
import type { AppEnv } from '../answer.ts'
import type { AppDependencies } from '../app.ts'
import { openapiDocument } from '../openapi.ts'
import { assetFiles, pageFiles } from '../pages/files.ts'
import { createPages } from '../pages/pages.ts'

/** The page to try the service, the reference, and the document that the reference shows. */
export function pageRoutes({ release }: Pick<AppDependencies, 'release'>): Hono<AppEnv> {
  const { answerFile, answerText } = createPages()
  const openapi = JSON.stringify(openapiDocument(release))

  return new Hono<AppEnv>()
    .get('/', (c) => answerFile(c, pageFiles.index))
    .get('/docs', (c) => answerFile(c, pageFiles.docs))
    .get('/openapi.json', (c) => answerText(c, openapi, 'application/json'))
    .get('/assets/:name', (c, next) => {
      const file = assetFiles[c.req.param('name')]
      return file ? answerFile(c, file) : next()
    })
}
