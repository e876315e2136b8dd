import { Hono } from 'hono'
import { greeting, parseDate } from '../birthday.ts'
import { createCalendar } from '../calendar.ts'
import type { AppDependencies, AppEnv } from '../context.ts'
import { authorize } from '../http/authorize.ts'
import { createJsonReader } from '../http/body.ts'
import { type Invalid, Problem, parsed } from '../http/problem.ts'
import { respond, respondJson } from '../http/respond.ts'
import { Birthday, Username } from '../http/schemas.ts'

/** Birthdays: save, greet, forget. */
export function helloRoutes({
  config,
  store,
}: Pick<AppDependencies, 'config' | 'store'>): Hono<AppEnv> {
  const path = '/hello/:username'
  const jsonOf = createJsonReader(config.requestTimeoutSeconds)
  const { today, daysUntil } = createCalendar(config.timeZone)

  return new Hono<AppEnv>()
    .get(path, async (c) => {
      authorize(c, 'read', config.tokens)
      const username = usernameFrom(c.req.param('username'))
      const birth = await store.birthdayOf(username)
      if (!birth) throw unknownUser()
      return respondJson(c, { message: greeting(username, daysUntil(birth)) })
    })
    .put(path, async (c) => {
      authorize(c, 'write', config.tokens)
      const username = usernameFrom(c.req.param('username'))
      const date = dateFrom(await jsonOf(c.req), today())
      await store.saveBirthday(username, date)
      return respond(c, 204, null, {})
    })
    .delete(path, async (c) => {
      authorize(c, 'write', config.tokens)
      const username = usernameFrom(c.req.param('username'))
      if (!(await store.forgetBirthday(username))) throw unknownUser()
      return respond(c, 204, null, {})
    })
}

function usernameFrom(parameter: string): string {
  return parsed(
    Username,
    parameter,
    (errors) => new Problem('invalid-username', 'A user name has 1 to 64 letters.', { errors }),
    () => ({ parameter: 'username' }),
  )
}

function dateFrom(body: unknown, today: Temporal.PlainDate): Temporal.PlainDate {
  const invalid = (errors: Invalid[]) =>
    new Problem('invalid-birthday', 'Send {"dateOfBirth":"YYYY-MM-DD"}, a day before today.', {
      errors,
    })
  const { dateOfBirth } = parsed(Birthday, body, invalid, (path) => ({
    pointer: jsonPointer(path),
  }))
  const date = parseDate(dateOfBirth) as Temporal.PlainDate
  if (Temporal.PlainDate.compare(date, today) >= 0) {
    throw invalid([{ pointer: '/dateOfBirth', detail: `a day before today, ${today}` }])
  }
  return date
}

/** RFC 6901. */
function jsonPointer(path: PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function unknownUser(): Problem {
  return new Problem('unknown-user', 'PUT a date of birth first.')
}
