import { Hono } from 'hono'
import type { AppDependencies, AppEnv } from '../context.ts'
import { openapiDocument } from '../http/openapi.ts'
import { createPages } from '../pages/embedded.ts'
import { assetFiles, pageFiles } from '../pages/files.ts'

/** The page to try the service, the API reference, and the OpenAPI document it shows. */
export function pageRoutes({ release }: Pick<AppDependencies, 'release'>): Hono<AppEnv> {
  const { respondFile, respondText } = createPages()
  const openapi = JSON.stringify(openapiDocument(release))

  return new Hono<AppEnv>()
    .get('/', (c) => respondFile(c, pageFiles.index))
    .get('/docs', (c) => respondFile(c, pageFiles.docs))
    .get('/openapi.json', (c) => respondText(c, openapi, 'application/json'))
    .get('/assets/:name', (c, next) => {
      const file = assetFiles[c.req.param('name')]
      return file ? respondFile(c, file) : next()
    })
}
