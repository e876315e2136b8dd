import { PATH, READ, SAVE } from './requests.ts'

const FORGET = { ...READ, method: 'DELETE' }
const NO_SUCH_DAY = { ...SAVE, body: '{"dateOfBirth":"1815-02-30"}' }
const HEALTH_TIMEOUT_MS = 2_000

/**
 * Throws unless the server at `url`, where the birthday is saved, implements the API: a server that does less work
 * than it should is no comparison. Returns the greeting, and leaves the birthday saved.
 */
export async function checkContract(url: string): Promise<string> {
  await expectStatus(200, url, '/version', READ)
  await expectStatus(400, url, PATH, NO_SUCH_DAY)
  await expectStatus(400, url, `${PATH}1`, READ)
  await expectStatus(204, url, PATH, FORGET)
  await expectStatus(404, url, PATH, FORGET)
  await expectStatus(404, url, PATH, READ)
  await expectStatus(204, url, PATH, SAVE)
  await becomesHealthy(url)
  const { message } = JSON.parse(await expectStatus(200, url, PATH, READ))
  if (!/^Hello, Ada! (Happy birthday!|Your birthday is in \d+ day\(s\))$/.test(message)) {
    throw new Error(`GET ${PATH} answers ${message}`)
  }
  return message
}

/** A service may poll its store only now and then, and turn healthy a little after its first answer. */
async function becomesHealthy(url: string): Promise<void> {
  const deadline = performance.now() + HEALTH_TIMEOUT_MS
  while ((await fetch(`${url}/hc`)).status !== 200 && performance.now() < deadline) {
    await Bun.sleep(20)
  }
  await expectStatus(200, url, '/hc', READ)
}

async function expectStatus(
  status: number,
  url: string,
  path: string,
  request: RequestInit,
): Promise<string> {
  const response = await fetch(url + path, request)
  const body = await response.text()
  if (response.status !== status) {
    throw new Error(
      `${request.method} ${path}: got ${response.status}, expected ${status}: ${body}`,
    )
  }
  return body
}
