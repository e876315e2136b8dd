import type { HonoRequest } from 'hono'
import type { Config } from '../config/config.ts'
import { authorize } from '../http/authorize.ts'
import { jsonPointer, parsed } from '../http/parse.ts'
import { type Invalid, Problem } from '../http/problem.ts'
import type { Responder } from '../http/respond.ts'
import type { Routes } from '../http/routes.ts'
import { Note, Title } from './schemas.ts'
import type { Store } from './store.ts'
import { EXAMPLE } from './terms.ts'

/** Notes: save, read, delete. */
export function domainRoutes({
  config,
  store,
  respond,
  jsonOf,
}: {
  config: Pick<Config, 'tokens'>
  store: Store
  respond: Responder
  jsonOf: (request: HonoRequest) => Promise<unknown>
}): Routes {
  return {
    [EXAMPLE.route]: {
      async GET(c) {
        authorize(c, 'read', config.tokens)
        const text = await store.noteOf(titleFrom(c.req))
        if (text === null) throw unknownNote()
        return respond.json(c, { text })
      },
      async PUT(c) {
        authorize(c, 'write', config.tokens)
        const title = titleFrom(c.req)
        await store.saveNote(title, textFrom(await jsonOf(c.req)))
        return respond.send(c, 204, null, {})
      },
      async DELETE(c) {
        authorize(c, 'write', config.tokens)
        if (!(await store.deleteNote(titleFrom(c.req)))) throw unknownNote()
        return respond.send(c, 204, null, {})
      },
    },
  }
}

function titleFrom(request: HonoRequest): string {
  return parsed(Title, request.param('title'), invalidTitle, () => ({ parameter: 'title' }))
}

function textFrom(body: unknown): string {
  return parsed(Note, body, invalidNote, (path) => ({ pointer: jsonPointer(path) })).text
}

export function invalidTitle(errors: Invalid[]): Problem {
  return new Problem('invalid-title', 'Choose another title.', { errors })
}

export function invalidNote(errors: Invalid[]): Problem {
  return new Problem('invalid-note', `Send ${EXAMPLE.body}.`, { errors })
}

export function unknownNote(): Problem {
  return new Problem('unknown-note', 'PUT it first.')
}
