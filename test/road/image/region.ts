import { arn } from '../../lab/aws-double/names.ts'
import { callersHere } from '../../lab/iam/roles.ts'
import { startParameterStore } from '../../lab/support/parameter-store.ts'

/** Where instances find what is in their region, and whose policies say what they may read there. */
export const REGION_ADDRESS = '192.0.2.1'
export const OWNER = 'production'

/** What is in the region of an instance. */
export interface Region {
  /** The values of parameters, by name. */
  parameters: Record<string, string>
  /** Of a Redis at its usual port. */
  password: string
}

/** The commands of its servers, for a network in which REGION_ADDRESS is this machine. Each says so when it starts. */
export const serversOf = ({ parameters, password }: Region): string[][] => [
  [process.execPath, import.meta.path, JSON.stringify(parameters)],
  ['redis-server', '--bind', REGION_ADDRESS, '--requirepass', password, '--save', ''],
]

if (import.meta.main) {
  const { callers } = await callersHere(OWNER)
  const { url } = startParameterStore(JSON.parse(process.argv[2] ?? '{}'), {
    hostname: REGION_ADDRESS,
    port: 80,
    allows: async (accessKeyId, name) =>
      (await callers(accessKeyId)?.allows({
        action: 'ssm:GetParameter',
        resource: arn('ssm', `parameter${name}`),
        context: {},
      })) ?? false,
  })
  console.log(url.origin)
}
