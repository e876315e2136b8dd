import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { AppEnv } from './app.ts'

/** Answers with `value` as JSON, which no cache keeps. */
export function answerJson(
  c: Context<AppEnv>,
  value: object,
  status: ContentfulStatusCode = 200,
): Response {
  const body = JSON.stringify(value)
  c.set('bytes', Buffer.byteLength(body))
  return c.body(body, status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
}
