import type { HonoRequest } from 'hono'
import type { Config } from '../config/config.ts'
import { authorize } from '../http/authorize.ts'
import { jsonPointer, parsed } from '../http/parse.ts'
import { type Invalid, Problem } from '../http/problem.ts'
import type { Responder } from '../http/respond.ts'
import type { Routes } from '../http/routes.ts'
import { greeting } from './birthday.ts'
import { createCalendar } from './calendar.ts'
import { Birthday, Username } from './schemas.ts'
import type { Store } from './store.ts'

/** Birthdays: save, greet, forget. */
export function domainRoutes({
  config,
  store,
  currentDay,
  respond,
  jsonOf,
}: {
  /** Its tokens may be replaced. */
  config: Pick<Config, 'tokens'>
  store: Store
  currentDay: () => Temporal.PlainDate
  respond: Responder
  jsonOf: (request: HonoRequest) => Promise<unknown>
}): Routes {
  const { today, daysUntil } = createCalendar(currentDay)

  return {
    '/hello/:username': {
      async GET(c) {
        authorize(c, 'read', config.tokens)
        const username = usernameFrom(c.req)
        const birth = await store.birthdayOf(username)
        if (!birth) throw unknownUser()
        return respond.json(c, { message: greeting(username, daysUntil(birth)) })
      },
      async PUT(c) {
        authorize(c, 'write', config.tokens)
        const username = usernameFrom(c.req)
        const date = dateFrom(await jsonOf(c.req), today())
        await store.saveBirthday(username, date)
        return respond.send(c, 204, null, {})
      },
      async DELETE(c) {
        authorize(c, 'write', config.tokens)
        if (!(await store.forgetBirthday(usernameFrom(c.req)))) throw unknownUser()
        return respond.send(c, 204, null, {})
      },
    },
  }
}

function usernameFrom(request: HonoRequest): string {
  return parsed(Username, request.param('username'), invalidUsername, () => ({
    parameter: 'username',
  }))
}

function dateFrom(body: unknown, today: Temporal.PlainDate): Temporal.PlainDate {
  const { dateOfBirth: date } = parsed(Birthday, body, invalidBirthday, (path) => ({
    pointer: jsonPointer(path),
  }))
  if (Temporal.PlainDate.compare(date, today) >= 0) {
    throw invalidBirthday([{ pointer: '/dateOfBirth', detail: `a day before today, ${today}` }])
  }
  return date
}

export function invalidUsername(errors: Invalid[]): Problem {
  return new Problem('invalid-username', 'A user name has 1 to 64 letters.', { errors })
}

export function invalidBirthday(errors: Invalid[]): Problem {
  const detail = 'Send {"dateOfBirth":"YYYY-MM-DD"}, a day before today.'
  return new Problem('invalid-birthday', detail, { errors })
}

export function unknownUser(): Problem {
  return new Problem('unknown-user', 'PUT a date of birth first.')
}
