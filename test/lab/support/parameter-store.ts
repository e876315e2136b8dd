/** Whether whoever signs with this access key may read the parameter. */
type Allows = (accessKeyId: string, name: string) => Promise<boolean>

/** Answers as the Parameter Store does (AWS JSON 1.1), for these SecureStrings. */
export function startParameterStore(
  parameters: Record<string, string>,
  {
    hostname = '127.0.0.1',
    port = 0,
    allows = (async () => true) as Allows,
  }: { hostname?: string; port?: number; allows?: Allows } = {},
) {
  return Bun.serve({
    hostname,
    port,
    async fetch(request) {
      const { Name, WithDecryption } = (await request.json()) as {
        Name: string
        WithDecryption: boolean
      }
      const signature = request.headers.get('authorization') ?? ''
      const [, accessKeyId = ''] = /Credential=([^/]+)/.exec(signature) ?? []
      if (!(await allows(accessKeyId, Name))) {
        return refused('AccessDeniedException', `${accessKeyId} may not read ${Name}`)
      }
      const value = parameters[Name]
      return value && WithDecryption
        ? Response.json({ Parameter: { Name, Type: 'SecureString', Value: value } })
        : refused('ParameterNotFound', `Parameter ${Name} not found.`)
    },
  })
}

const refused = (__type: string, message: string) =>
  Response.json({ __type, message }, { status: 400 })
