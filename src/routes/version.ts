import { Hono } from 'hono'
import { answerJson } from '../answer.ts'
import type { AppDependencies, AppEnv } from '../app.ts'
import { methodNotAllowed } from '../middleware/method-not-allowed.ts'

/** Which release answers, and where it runs. */
export function versionRoutes({
  config,
  release,
}: Pick<AppDependencies, 'config' | 'release'>): Hono<AppEnv> {
  const version = {
    version: release.id,
    commit: release.commit,
    builtAt: release.builtAt,
    environment: config.environment,
    instance: config.instance,
    bun: Bun.version,
  }
  return new Hono<AppEnv>()
    .get('/version', (c) => answerJson(c, version))
    .all('/version', methodNotAllowed('GET, HEAD'))
}
