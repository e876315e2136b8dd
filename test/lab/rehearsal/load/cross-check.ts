import { type CanaryRequest, canary, service } from '../../../../scripts/lib/service.ts'

const KEYS = 100

/** Writes, replaces and deletes on one instance and reads on another. Returns what was wrong; undefined without a canary. */
export async function crossCheck(
  writer: string,
  reader: string,
  token: string,
): Promise<string[] | undefined> {
  if (!canary) return undefined
  const wrong: string[] = []
  const ask = async (address: string, request: CanaryRequest) => {
    const { method, path, body, status } = request
    const sentAt = new Date()
    const response = await fetch(`http://${address}:${service.port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.text()
    if (response.status === status && request.isRight(text, sentAt, new Date())) return
    wrong.push(`${method} ${path} returned ${response.status} ${text}`)
  }
  for (let index = 0; index < KEYS; index++) {
    const key = canary.keyOf('Cross', index)
    for (const value of [canary.value(index), canary.value(index + 1)]) {
      await ask(writer, canary.write(key, value))
      await ask(reader, canary.read(key, value))
    }
    await ask(writer, canary.remove(key))
    await ask(reader, canary.readNothing(key))
  }
  return wrong
}
