import type { HonoRequest } from 'hono'
import { createDeadline } from '../deadline.ts'
import { EXAMPLE } from '../domain/terms.ts'
import { Problem } from './problem.ts'

export const BODY_LIMIT_BYTES = 16 * 1024

/** How much of a body that is of no use is read all the same. */
const DISCARD_BYTES = 64 * 1024 * 1024

/**
 * Reads what is left of a body, up to a bound and for as long as a request may take. Answered sooner, the connection
 * might be closed with data unread, and the reset that follows overtakes the answer.
 */
export type DiscardBody = (request: Request) => Promise<void>

/**
 * `jsonOf` reads the JSON in the body of a request. It throws the problems 415, 413, 400 and, when the body has not
 * arrived after `timeoutSeconds`, 408.
 */
export function createBodyReader(timeoutSeconds: number): {
  jsonOf(request: HonoRequest): Promise<unknown>
  discardBody: DiscardBody
} {
  const inTime = createDeadline(timeoutSeconds * 1000)
  const late = () => bodyLate(timeoutSeconds)
  return {
    async jsonOf(request) {
      requireJson(request)
      try {
        return JSON.parse(await inTime(bodyText(request), late))
      } catch (error) {
        throw refusal(error as Error)
      }
    },
    async discardBody({ body }) {
      if (!body || body.locked) return
      let size = 0
      const read = async () => {
        for await (const chunk of body) {
          size += chunk.byteLength
          if (size > DISCARD_BYTES) return
        }
      }
      await inTime(read(), late).catch(() => {})
    },
  }
}

/** JSON has no other charset than UTF-8 (RFC 8259). */
const JSON_TYPE = /^application\/json\s*(;(?!\s*charset\b)[^;]*|;\s*charset="?utf-8"?\s*)*$/i

/** Nothing here decompresses. */
function requireJson(request: HonoRequest): void {
  if (!JSON_TYPE.test(request.header('content-type') ?? '')) throw notJson()
  const coding = request.header('content-encoding')
  if (coding !== undefined && coding.trim().toLowerCase() !== 'identity') {
    throw new Problem('unsupported-media-type', 'Send the body without Content-Encoding.', {
      headers: { 'Accept-Encoding': 'identity' },
    })
  }
}

function bodyText(request: HonoRequest): Promise<string> {
  const length = request.header('content-length')
  if (length !== undefined) {
    if (Number(length) > BODY_LIMIT_BYTES) throw bodyTooLarge()
    return request.raw.text()
  }
  return chunkedText(request.raw)
}

async function chunkedText({ body }: Request): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = body?.getReader()
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true }
      if (done) return new TextDecoder().decode(Buffer.concat(chunks))
      size += value.byteLength
      if (size > BODY_LIMIT_BYTES) throw bodyTooLarge()
      chunks.push(value)
    }
  } finally {
    reader?.releaseLock()
  }
}

/** What `error` is to whoever sent the body; a client that disconnects is not a failure of the service. */
function refusal(error: Error): Error {
  switch (error.name) {
    case 'SyntaxError':
      return malformedJson()
    case 'AbortError':
      return new Problem(
        'incomplete-body',
        'The connection was closed before the whole body arrived.',
      )
    default:
      return error
  }
}

export function notJson(): Problem {
  return new Problem('unsupported-media-type', 'Send Content-Type: application/json, in UTF-8.', {
    headers: { Accept: 'application/json' },
  })
}

export function malformedJson(): Problem {
  return new Problem('malformed-json', `The body must be JSON, as in ${EXAMPLE.body}.`)
}

export function bodyLate(timeoutSeconds: number): Problem {
  const detail = `The body must arrive within ${timeoutSeconds} s.`
  return new Problem('request-timeout', detail, { headers: { Connection: 'close' } })
}

export function bodyTooLarge(): Problem {
  return new Problem('body-too-large', `The body may have at most ${BODY_LIMIT_BYTES} bytes.`, {
    headers: { Connection: 'close' },
  })
}
