import { run } from '../../lab/support/command.ts'
import { cache } from '../../lab/support/tools.ts'

const MODULE = 'github.com/aws/amazon-cloudwatch-agent@v1.300071.0'

/** The folder with the source of the CloudWatch agent, from the Go module proxy, or why there is none. */
export async function agentSource(): Promise<{ folder?: string; reason?: string }> {
  // Outside of a module, so that this one is only downloaded.
  const { code, output } = await run(['go', 'mod', 'download', '-json', MODULE], {
    cwd: '/',
    env: { ...process.env, GOMODCACHE: `${cache}/go`, GOFLAGS: '-modcacherw' },
  })
  const said = output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)
  const { Dir, Error: reason = output } = said ? JSON.parse(said) : {}
  return code === 0 ? { folder: Dir } : { reason: reason.split('\n')[0] }
}
