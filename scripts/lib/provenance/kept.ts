import { GetParameterCommand } from '@aws-sdk/client-ssm'
import type { Aws } from '../aws/clients.ts'
import { unless } from '../aws/errors.ts'
import { service } from '../service.ts'

/** Where the statement of an AMI is kept: a parameter of SSM. The place is not trusted, only signatures are. */
export const keptAt = (ami: string): string => `/${service.name}/provenance/${ami}`

/** What is kept for an AMI, not verified, in JSON; undefined when nothing is. */
export async function findKept(aws: Aws, ami: string): Promise<string | undefined> {
  const command = new GetParameterCommand({ Name: keptAt(ami) })
  const answer = await aws.ssm.send(command).catch(unless('ParameterNotFound'))
  return answer?.Parameter?.Value
}
