import { birthDate, greetingOf, userName } from './birthdays.ts'
import { SERVICE_PORT } from './names.ts'

const USERS = 100

/** Writes, replaces and deletes users on one instance and reads them on another. What was wrong, in words. */
export async function crossCheck(writer: string, reader: string, token: string): Promise<string[]> {
  const wrong: string[] = []
  const ask = (address: string, user: string, method: string, body: string | null = null) =>
    fetch(`http://${address}:${SERVICE_PORT}/hello/${user}`, {
      method,
      body,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
    })
  for (let index = 0; index < USERS; index++) {
    const user = userName('Cross', index)
    for (const date of [birthDate(index), birthDate(index + 1)]) {
      const put = await ask(writer, user, 'PUT', JSON.stringify({ dateOfBirth: date }))
      const { message } = (await (await ask(reader, user, 'GET')).json()) as { message?: string }
      const wanted = greetingOf(user, date, new Date())
      if (put.status !== 204 || message !== wanted) {
        wrong.push(`${user}: PUT ${put.status}, then '${message}' instead of '${wanted}'`)
      }
    }
    const gone = await ask(writer, user, 'DELETE')
    const after = await ask(reader, user, 'GET')
    if (gone.status !== 204 || after.status !== 404) {
      wrong.push(`${user}: DELETE ${gone.status}, then GET ${after.status}`)
    }
  }
  return wrong
}
