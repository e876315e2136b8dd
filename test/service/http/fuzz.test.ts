import { expect, test } from 'bun:test'
import { createToken } from '../../../src/config/tokens.ts'
import { run } from '../../lab/support/command.ts'
import { healthy, startService } from '../../lab/support/executable.ts'
import { temporaryFolder } from '../../lab/support/process.ts'
import { pythonTool } from '../../lab/support/tools.ts'

const EXAMPLES = '300'

/** Runs schemathesis, which reads /openapi.json and tries what it allows and what it forbids. */
async function fuzz(url: string, ...options: string[]) {
  using folder = temporaryFolder()
  return await run(
    [
      ...[
        await pythonTool('schemathesis'),
        'run',
        `${url}/openapi.json`,
        '--no-color',
        '--generation-deterministic',
      ],
      ...['--max-examples', EXAMPLES, '--phases', 'examples,coverage,fuzzing', '--checks', 'all'],
      // A schema cannot say that a date is before today, so valid data may be refused.
      ...['--exclude-checks', 'positive_data_acceptance'],
      ...options,
    ],
    { cwd: folder.path },
  )
}

test('schemathesis finds no 5xx and no answer outside the OpenAPI document', async () => {
  await using service = await startService()
  await healthy(service)
  const { code, output } = await fuzz(service.url)
  if (code !== 0) console.log(output.slice(-4000))
  expect(code).toBe(0)
  expect(output).toMatch(/\d+ (test cases )?generated/)
}, 300_000)

test('schemathesis with a token finds none either', async () => {
  const { token, entry } = createToken('write')
  await using service = await startService({ TOKENS: entry })
  await healthy(service)
  const { code, output } = await fuzz(service.url, '-H', `Authorization: Bearer ${token}`)
  if (code !== 0) console.log(output.slice(-4000))
  expect(code).toBe(0)
}, 300_000)
