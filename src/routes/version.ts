import { Hono } from 'hono'
import { type AppEnv, answerJson } from '../answer.ts'
import type { AppDependencies } from '../app.ts'

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
  return new Hono<AppEnv>().get('/version', (c) => answerJson(c, version))
}
