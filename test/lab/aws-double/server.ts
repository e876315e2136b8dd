/**
 * A double of the AWS APIs that the scripts use, for the unmodified SDK (AWS_ENDPOINT_URL): Auto Scaling, EC2 and
 * Elastic Load Balancing v2 in their Query protocols, STS in Query, CloudWatch and SSM in JSON; and to be read only, what
 * scripts/doctor looks at (account.ts). The control plane behind it (control-plane.ts) decides as AWS does; an
 * InstanceDriver (driver.ts) acts on machines, real or not.
 *
 * Modelled: one group, launch template and target group; launch, registration, health, warm-up, deregistration,
 * draining, termination in AWS's order; standby; replacement of unhealthy instances after the grace period; instance
 * refresh with desired configuration, skip matching, minimum and maximum healthy percentage, checkpoints and their
 * delay, bake time, alarms, automatic and asked-for rollback, cancellation, failure after no progress; suspended processes;
 * a list of refreshes that lags behind; SSM commands, and the automation documents that drain, undrain, replace and roll back.
 *
 * What follows a page of AWS's documentation that is easily missed:
 * - a refresh replaces nothing while InstanceRefresh, Launch or Terminate is suspended; without Launch unhealthy instances
 *   go and none come (Auto Scaling User Guide, "How suspended processes affect other processes");
 * - a refresh to a desired configuration alone can be rolled back, else IrreversibleInstanceRefresh (User Guide, "Undo
 *   changes with a manual or auto rollback"; API Reference, RollbackInstanceRefresh);
 * - an alarm of a refresh has to be OK when it starts (User Guide, "Start an instance refresh with auto rollback");
 * - a cancelled refresh is Cancelling until what is under way has ended (API Reference, InstanceRefresh, "Status");
 * - DescribeAlarms tells composite alarms only to who asks for their type (CloudWatch API Reference, DescribeAlarms);
 * - ExitStandby raises the desired capacity, and fails beyond the maximum size (API Reference, ExitStandby);
 * - a load balancer's DNSName has no port, the listener has it (ELB API Reference, DescribeListeners);
 * - SendCommand takes at most 50 instance ids (Systems Manager API Reference, SendCommand);
 * - a list of invocations has at most 50 on a page, and no output unless asked for details (Systems Manager API
 *   Reference, ListCommandInvocations);
 * - a page may hold less than was asked for while there is more (Auto Scaling API Reference, DescribeAutoScalingGroups);
 * - a launch fails when its AMI is gone (EC2 User Guide, "Troubleshoot EC2 instance launch issues").
 *
 * Each call is allowed or denied by the policies of its caller, whom the access key names (access.ts).
 *
 * Not modelled: signatures, several groups, mixed instances, warm pools, lifecycle hooks, scaling policies, cooldown,
 * scale-in protection, zone rebalancing, API rate limits of their own accord, capacity shortage but through the driver,
 * values of CloudWatch metrics but the requests to a target, secret values of SSM parameters, sessions, the minutes that AWS takes to notice things.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Caller, Callers } from './access.ts'
import { admit, type Scope, scopeOf } from './admission.ts'
import type { ControlPlane } from './control-plane.ts'
import { ApiError } from './errors.ts'
import { Dropped, Faults } from './faults.ts'
import { ACCOUNT } from './names.ts'
import { accountJson, accountQuery } from './wire/account.ts'
import { autoScaling } from './wire/autoscaling.ts'
import { ec2 } from './wire/ec2.ts'
import { elb } from './wire/elb.ts'
import { cloudwatch, ssm } from './wire/json.ts'
import { network } from './wire/network.ts'
import { Query, type Xml, xml } from './wire/query.ts'

/** A running double. Point AWS_ENDPOINT_URL at `url`. */
export interface Double {
  url: string
  plane: ControlPlane
  faults: Faults
  /** Actions answered so far, oldest first, such as `StartInstanceRefresh`. */
  calls: string[]
  stop(): Promise<void>
}

type QueryAction = (plane: ControlPlane, query: Query, caller: Caller) => Xml

const QUERY: Record<string, { actions: Record<string, QueryAction>; namespace: string }> = {
  autoscaling: {
    actions: autoScaling,
    namespace: 'http://autoscaling.amazonaws.com/doc/2011-01-01/',
  },
  ec2: { actions: { ...ec2, ...network }, namespace: 'http://ec2.amazonaws.com/doc/2016-11-15/' },
  elasticloadbalancing: {
    actions: elb,
    namespace: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
  },
  sts: {
    actions: {
      GetCallerIdentity: (_plane, _query, { arn, userId }) => ({
        Arn: arn,
        UserId: userId,
        Account: ACCOUNT,
      }),
    },
    namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
  },
  ...accountQuery,
}

const JSON_ACTIONS = { ...cloudwatch, ...ssm, ...accountJson }

/** Serves `plane` to `callers` on a free loopback port, or on `port` of every address, and starts its loop. */
export async function startDouble(
  plane: ControlPlane,
  callers: Callers,
  port = 0,
): Promise<Double> {
  const faults = new Faults()
  const calls: string[] = []
  const server = createServer((request, response) => {
    answer(request, response, { plane, callers, faults, calls }).catch((error) => {
      console.error('double:', error)
      response.destroy()
    })
  })
  await new Promise<void>((resolve) =>
    server.listen(port, port === 0 ? '127.0.0.1' : '0.0.0.0', resolve),
  )
  plane.start()
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    plane,
    faults,
    calls,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await plane.stop()
    },
  }
}

interface Context {
  plane: ControlPlane
  callers: Callers
  faults: Faults
  calls: string[]
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  context: Context,
): Promise<void> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks).toString()
  const target = String(request.headers['x-amz-target'] ?? '')
  const scope = scopeOf(String(request.headers.authorization))
  const reply = target
    ? await answerJson(target.split('.')[1] ?? '', body, scope, context)
    : await answerQuery(new Query(new URLSearchParams(body)), scope, context)
  if (reply === undefined) {
    request.socket.destroy()
    return
  }
  response.writeHead(reply.status, { 'content-type': reply.type, ...reply.headers })
  response.end(reply.body)
}

interface Reply {
  status: number
  type: string
  body: string
  headers?: Record<string, string>
}

async function answerJson(
  action: string,
  body: string,
  scope: Scope,
  context: Context,
): Promise<Reply | undefined> {
  const type = 'application/x-amz-json-1.1'
  return await guarded(action, context, {
    run: async () => {
      const handler = JSON_ACTIONS[action]
      if (!handler) throw new ApiError('UnknownOperationException', `${action} is not modelled`)
      const json = JSON.parse(body || '{}')
      await admit(action, { query: new Query(new URLSearchParams()), json }, scope, context)
      const output = await handler(context.plane, json)
      return { status: 200, type, body: JSON.stringify(output) }
    },
    fail: ({ code, message, status }) => ({
      status,
      type,
      headers: { 'x-amzn-errortype': code },
      body: JSON.stringify({ __type: code, message }),
    }),
  })
}

async function answerQuery(
  query: Query,
  scope: Scope,
  context: Context,
): Promise<Reply | undefined> {
  const { service } = scope
  const { action } = query
  const type = 'text/xml'
  const entry = service === 'ec2' ? 'item' : 'member'
  return await guarded(action, context, {
    run: async () => {
      const handler = QUERY[service]?.actions[action]
      if (!handler) throw new ApiError('InvalidAction', `${service}:${action} is not modelled`)
      const caller = await admit(action, { query, json: {} }, scope, context)
      const result = xml(handler(context.plane, query, caller), entry)
      const namespace = QUERY[service]?.namespace
      const inner =
        service === 'ec2'
          ? `<requestId>${crypto.randomUUID()}</requestId>${result}`
          : `<${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>${crypto.randomUUID()}</RequestId></ResponseMetadata>`
      return {
        status: 200,
        type,
        body: `<${action}Response xmlns="${namespace}">${inner}</${action}Response>`,
      }
    },
    fail: ({ code, message, status }) => {
      const error = xml({ Type: 'Sender', Code: code, Message: message }, entry)
      const id = crypto.randomUUID()
      const body =
        service === 'ec2'
          ? `<Response><Errors><Error>${error}</Error></Errors><RequestID>${id}</RequestID></Response>`
          : `<ErrorResponse><Error>${error}</Error><RequestId>${id}</RequestId></ErrorResponse>`
      return { status, type, body }
    },
  })
}

async function guarded(
  action: string,
  { faults, calls }: Context,
  steps: { run: () => Promise<Reply>; fail: (error: ApiError) => Reply },
): Promise<Reply | undefined> {
  try {
    const fault = await faults.apply(action)
    calls.push(action)
    const reply = await steps.run()
    return fault === 'lose' ? undefined : reply
  } catch (error) {
    if (error instanceof Dropped) return undefined
    if (error instanceof ApiError) return steps.fail(error)
    throw error
  }
}
