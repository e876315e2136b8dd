import {
  DeleteParameterCommand,
  GetParameterCommand,
  PutParameterCommand,
} from '@aws-sdk/client-ssm'
import type { Aws } from '../aws/clients.ts'
import { unless } from '../aws/errors.ts'
import type { Envelope } from '../receipt/envelope.ts'
import { service } from '../service.ts'

/** Where the statement of an AMI is kept: a parameter of SSM. The place is not trusted, only signatures are. */
export const keptAt = (ami: string): string => `/${service.name}/provenance/${ami}`

/** Where the list of an AMI's packages is kept, which is shown and never relied on. */
export const packagesAt = (ami: string): string => `${keptAt(ami)}/packages`

/** Keeps the signed statement of an AMI. AWS refuses when there is one already. */
export async function keep(aws: Aws, ami: string, envelope: Envelope): Promise<void> {
  await aws.ssm.send(
    new PutParameterCommand({
      Name: keptAt(ami),
      Value: JSON.stringify(envelope),
      Type: 'String',
      // A standard parameter, which costs nothing, holds 4096 characters; a statement has some 2000.
      Tier: 'Intelligent-Tiering',
      Overwrite: false,
    }),
  )
}

/** What is kept for an AMI, not verified, in JSON; undefined when nothing is. */
export async function findKept(aws: Aws, ami: string): Promise<string | undefined> {
  const command = new GetParameterCommand({ Name: keptAt(ami) })
  const answer = await aws.ssm.send(command).catch(unless('ParameterNotFound'))
  return answer?.Parameter?.Value
}

/** Deletes the statement of an AMI and the list of its packages, if they are kept. */
export async function forget(aws: Aws, ami: string): Promise<void> {
  for (const Name of [keptAt(ami), packagesAt(ami)]) {
    await aws.ssm.send(new DeleteParameterCommand({ Name })).catch(unless('ParameterNotFound'))
  }
}
