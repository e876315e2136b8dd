import { isWildcardOnlyAction, runSimulation } from '@cloud-copilot/iam-simulate'
import type { Access, Caller } from '../aws-double/access.ts'
import { ACCOUNT, REGION } from '../aws-double/names.ts'
import type { PolicyDocument } from './document.ts'

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
    const [service = '', name = ''] = action.split(':')
    if (resource === '*' && !(await isWildcardOnlyAction(service, name))) {
      throw new Error(`${action} is on resources: test/aws-double/access.ts must say on which`)
    }
    const result = await runSimulation(
      {
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
      },
      {},
    )
    if (result.resultType === 'error') {
      throw new Error(`${action} on ${resource}: ${JSON.stringify(result.errors)}`)
    }
    return result.overallResult === 'Allowed'
  }
}
