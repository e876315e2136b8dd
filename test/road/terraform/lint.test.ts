import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { run } from '../../lab/support/command.ts'
import { sayWhatIsLeftOut } from '../../lab/support/left-out.ts'
import { goTool, pythonTool } from '../../lab/support/tools.ts'

// The first run installs checkov, and builds tflint.
setDefaultTimeout(600_000)

const folder = join(root, 'terraform')

test('the configuration passes checkov', async () => {
  const checkov = await pythonTool('checkov')
  const { code, output } = await run(
    [
      checkov,
      '--directory',
      folder,
      '--framework',
      'terraform',
      '--quiet',
      '--compact',
      '--skip-download',
    ],
    { cwd: root },
  )
  expect(output).toMatch(/Passed checks: [1-9]\d{2,}, Failed checks: 0/)
  expect(code).toBe(0)
})

const go = Bun.which('go')
sayWhatIsLeftOut('tflint', go ? undefined : 'it is built with Go, which is not installed')

test.skipIf(!go)('the configuration passes tflint', async () => {
  const tflint = await goTool('tflint')
  const { code, output } = await run([tflint, '--chdir', folder, '--recursive'], { cwd: root })
  expect(output).toBe('')
  expect(code).toBe(0)
})
