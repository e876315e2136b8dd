import { runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'
import type { Access, Caller } from '../aws-double/access.ts'
import { ACCOUNT, REGION } from '../aws-double/names.ts'
import { needsResource } from './catalogue.ts'
import type { PolicyDocument } from './document.ts'

/** As AWS's default, and both keys of this project: who may use a key, the policies of roles say. */
const KEY_POLICY = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
      Action: 'kms:*',
      Resource: '*',
    },
  ],
}

/**
 * Actions that AWS checks on another resource than the Service Authorization Reference says: a channel on its session
 * (Systems Manager User Guide, "Quickstart default IAM policies for Session Manager"), streams on `…:log-stream:` (the
 * ARN in CloudWatch Logs' own refusals).
 */
const BESIDE_THE_REFERENCE = new Set([
  'logs:DescribeLogStreams',
  'logs:FilterLogEvents',
  'ssmmessages:OpenDataChannel',
])

/** AWS's own parameters and documents are of no account, which the reference leaves out. */
const isOfAws = (resource: string): boolean => resource.startsWith(`arn:aws:ssm:${REGION}::`)

/** A session of a role, with its policies. What it may do, iam-simulate says. */
export class Principal implements Caller {
  readonly arn: string
  readonly userId: string
  private readonly decisions = new Map<string, Promise<boolean>>()

  constructor(
    role: string,
    session: string,
    readonly policies: PolicyDocument[],
  ) {
    this.arn = `arn:aws:sts::${ACCOUNT}:assumed-role/${role}/${session}`
    this.userId = `AROA0123456789ABCDEFG:${session}`
  }

  /** Throws if the request could not be made of AWS: no such action, or not on such a resource. */
  allows(access: Access): Promise<boolean> {
    const key = JSON.stringify(access)
    const known = this.decisions.get(key) ?? this.decide(access)
    this.decisions.set(key, known)
    return known
  }

  private async decide({ action, resource, context }: Access): Promise<boolean> {
    if (resource === '*' && (await needsResource(action))) {
      throw new Error(`${action} is on resources: test/lab/aws-double/access.ts must say on which`)
    }
    const simulation = {
      request: {
        principal: this.arn,
        action,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: {
          'aws:userid': this.userId,
          'aws:PrincipalAccount': ACCOUNT,
          'aws:RequestedRegion': REGION,
          'aws:SecureTransport': 'true',
          ...context,
        },
      },
      identityPolicies: this.policies.map((policy, index) => ({ name: String(index), policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(action.startsWith('kms:') && { resourcePolicy: KEY_POLICY }),
    }
    if (BESIDE_THE_REFERENCE.has(action) || isOfAws(resource)) {
      return runUnsafeSimulation(simulation, {}) === 'Allowed'
    }
    const result = await runSimulation(simulation, {})
    if (result.resultType === 'error') {
      throw new Error(`${action} on ${resource}: ${JSON.stringify(result.errors)}`)
    }
    return result.overallResult === 'Allowed'
  }
}
