import { cache, run } from '../../lab/support/tools.ts'

const MODULE = 'github.com/aws/amazon-cloudwatch-agent@v1.300071.0'

/** The folder with the source of the CloudWatch agent, from the Go module proxy, or why there is none. */
export async function agentSource(): Promise<{ folder?: string; reason?: string }> {
  // Outside of a module, so that this one is only downloaded.
  const { status, output } = await run(['go', 'mod', 'download', '-json', MODULE], '/', {
    GOMODCACHE: `${cache}/go`,
    GOFLAGS: '-modcacherw',
  })
  const said = output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)
  const { Dir, Error: reason = output } = said ? JSON.parse(said) : {}
  return status === 0 ? { folder: Dir } : { reason: reason.split('\n')[0] }
}
