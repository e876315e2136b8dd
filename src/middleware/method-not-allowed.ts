import type { Handler } from 'hono'
import type { AppEnv } from '../app.ts'
import { Problem } from '../problem.ts'

/** The last handler of a path that takes only the methods in `allow`, a list as the Allow header has it. */
export function methodNotAllowed(allow: string): Handler<AppEnv> {
  return function methodNotAllowed() {
    throw new Problem('method-not-allowed', `This path takes ${allow}.`, {
      headers: { Allow: allow },
    })
  }
}
