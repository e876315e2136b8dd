import type { HonoRequest } from 'hono'
import { createDeadline } from '../deadline.ts'
import { Problem } from './problem.ts'

export const BODY_LIMIT_BYTES = 16 * 1024

/**
 * Reads the JSON in the body of a request. Throws the problems 415, 413, 400 and, when the body has not arrived
 * after `timeoutSeconds`, 408.
 */
export function createJsonReader(
  timeoutSeconds: number,
): (request: HonoRequest) => Promise<unknown> {
  const inTime = createDeadline(timeoutSeconds * 1000)
  const late = () => {
    const detail = `The body must arrive within ${timeoutSeconds} s.`
    return new Problem('request-timeout', detail, { headers: { Connection: 'close' } })
  }
  return async (request) => {
    requireJson(request)
    return parseJson(await inTime(bodyText(request).catch(refuseAborted), late))
  }
}

function requireJson(request: HonoRequest): void {
  const mediaType = request.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') {
    throw new Problem('unsupported-media-type', 'Send Content-Type: application/json.', {
      headers: { Accept: 'application/json' },
    })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Problem(
      'malformed-json',
      'The body must be JSON, as in {"dateOfBirth":"1815-12-10"}.',
    )
  }
}

async function bodyText(request: HonoRequest): Promise<string> {
  const length = request.header('content-length')
  if (length !== undefined) {
    if (Number(length) > BODY_LIMIT_BYTES) throw tooLarge()
    return request.raw.text()
  }
  return chunkedText(request)
}

async function chunkedText(request: HonoRequest): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.raw.body ?? []) {
    size += chunk.byteLength
    if (size > BODY_LIMIT_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

/** A client that disconnects is not a failure of the service. */
function refuseAborted(error: Error): never {
  if (error.name !== 'AbortError') throw error
  throw new Problem('incomplete-body', 'The connection was closed before the whole body arrived.')
}

/** The rest of the body is not read, so the connection cannot be reused. */
function tooLarge(): Problem {
  return new Problem('body-too-large', `The body may have at most ${BODY_LIMIT_BYTES} bytes.`, {
    headers: { Connection: 'close' },
  })
}
