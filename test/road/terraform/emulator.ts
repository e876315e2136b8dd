import { startMinistack } from '../../lab/aws-double/ministack.ts'
import { completedAnswers } from './completed.ts'
import { actionOf } from './observed.ts'
import { answerXml, parseQuery } from './query.ts'
import { alarms, autoScaling, type QueryActions } from './remembered.ts'
import { firewallLogging, type JsonActions, memorydb, ssm } from './stand-ins.ts'

/** An AWS emulator for the Terraform provider: ministack, plus what that lacks or forgets. */
export interface Emulator extends AsyncDisposable {
  url: string
  /** The actions that were asked for so far, as policies name them. */
  calls: Set<string>
}

/** `parameters` are those of the SSM Parameter Store, by name. */
export async function startEmulator(parameters: Record<string, string>): Promise<Emulator> {
  const ministack = await startMinistack()
  const calls = new Set<string>()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 60,
    fetch: answering(ministack.url, parameters, calls),
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    [Symbol.asyncDispose]: async () => {
      await server.stop(true)
      await ministack[Symbol.asyncDispose]()
    },
  }
}

function answering(behind: string, parameters: Record<string, string>, calls: Set<string>) {
  const ofJson: JsonActions = { ...ssm(parameters), ...memorydb(), ...firewallLogging() }
  const ofQuery: Record<string, QueryActions> = {
    autoscaling: autoScaling(),
    monitoring: alarms(),
  }
  const complete = completedAnswers()
  return async (request: Request): Promise<Response> => {
    const body = await request.arrayBuffer()
    const text = () => new TextDecoder().decode(body)
    const scope = request.headers.get('authorization') ?? ''
    const service = /\/([a-z0-9]+)\/aws4_request/.exec(scope)?.[1] ?? ''
    calls.add(actionOf(request, service, text()))
    const target = ofJson[request.headers.get('x-amz-target') ?? '']
    if (target) return json(target(JSON.parse(text())))

    if (service in ofQuery) {
      const query = parseQuery(text())
      const name = query.Action as string
      const answer = ofQuery[service]?.[name]?.(query)
      if (answer) return xml(answerXml(name, answer))
    }
    const answer = await passOn(request, behind, body)
    return service === 'ec2' ? xml(complete(text(), await answer.text()), answer.status) : answer
  }
}

function passOn(request: Request, behind: string, body: ArrayBuffer): Promise<Response> {
  const { pathname, search } = new URL(request.url)
  const headers = new Headers(request.headers)
  headers.delete('accept-encoding')
  return fetch(behind + pathname + search, {
    method: request.method,
    headers,
    ...(body.byteLength > 0 && { body }),
  })
}

const json = (answer: object | undefined): Response =>
  Response.json(answer ?? { __type: 'ResourceNotFoundException' }, {
    status: answer && !('__type' in answer) ? 200 : 400,
    headers: { 'content-type': 'application/x-amz-json-1.1' },
  })

const xml = (answer: string, status = 200): Response =>
  new Response(answer, { status, headers: { 'content-type': 'text/xml' } })
