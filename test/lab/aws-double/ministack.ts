import { end, eventually, freePort, temporaryFolder } from '../support/process.ts'
import { pythonTool } from '../support/tools.ts'

/** Why AWS cannot be emulated here; undefined if it can. On first use ministack is installed into test/.cache. */
export const noMinistack = await pythonTool('ministack').then(
  () => undefined,
  (error) => `ministack cannot be installed: ${error.message}`,
)

export interface Ministack extends AsyncDisposable {
  url: string
}

/** An empty AWS emulator on a free loopback port. */
export async function startMinistack(): Promise<Ministack> {
  const command = await pythonTool('ministack')
  const folder = temporaryFolder()
  const port = freePort()
  const child = Bun.spawn([command], {
    cwd: folder.path,
    env: {
      ...process.env,
      TMPDIR: folder.path,
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
      IOT_MTLS_ENABLED: '0',
    },
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  const url = `http://127.0.0.1:${port}`
  await eventually('ministack answers', async () => (await fetch(`${url}/_ministack/health`)).ok, {
    withinMs: 60_000,
  })
  return {
    url,
    async [Symbol.asyncDispose]() {
      await end(child)
      folder[Symbol.dispose]()
    },
  }
}
