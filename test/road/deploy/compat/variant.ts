/** The service from source with one planted change. Usage: bun variant.ts CHANGE PORT ENVIRONMENT */

import { loadConfig } from '../../../../src/config/config.ts'
import { openStore } from '../../../../src/store/open.ts'
import { memoryLog, testApp } from '../../../lab/support/app.ts'
import { changes } from './changes.ts'

const [, , name = '', port, environment = ''] = process.argv
const change = changes[name]
if (!change) throw new Error(`no change is called ${name}`)
const config = await loadConfig({ port: Number(port), environment }, process.env)
const opened = openStore(config, memoryLog()).records
const records = change.records?.(opened, config) ?? opened
const app = testApp({ records })
const serve = async (request: Request) => {
  const { url, method, headers } = request
  const body = method === 'PUT' ? await request.text() : null
  return await app.request(new URL(url).pathname, { method, headers, body })
}
Bun.serve({
  hostname: '127.0.0.1',
  port: config.port,
  development: false,
  // Or Bun would share the port with whatever has it.
  reusePort: false,
  fetch: (request) => change.answer?.(request, serve) ?? serve(request),
})
process.on('SIGTERM', () => void records.close().then(() => process.exit(0)))
