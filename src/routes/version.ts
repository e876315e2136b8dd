import { Hono } from 'hono'
import type { AppDependencies, AppEnv } from '../context.ts'
import { respondJson } from '../http/respond.ts'

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
  return new Hono<AppEnv>().get('/version', (c) => respondJson(c, version))
}
