import { DeleteParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm'
import type { Aws } from '../aws/clients.ts'
import { unless } from '../aws/errors.ts'
import type { Envelope } from '../receipt/envelope.ts'
import { keptAt } from './kept.ts'

/** Keeps the signed statement of an AMI. AWS refuses when there is one already. */
export async function keep(aws: Aws, ami: string, envelope: Envelope): Promise<void> {
  await aws.ssm.send(
    new PutParameterCommand({
      Name: keptAt(ami),
      Value: JSON.stringify(envelope),
      Type: 'String',
      // A standard parameter, which costs nothing, holds 4096 characters; a statement has some 1400.
      Tier: 'Intelligent-Tiering',
      Overwrite: false,
    }),
  )
}

/** Deletes the statement of an AMI, if one is kept. */
export async function forget(aws: Aws, ami: string): Promise<void> {
  const command = new DeleteParameterCommand({ Name: keptAt(ami) })
  await aws.ssm.send(command).catch(unless('ParameterNotFound'))
}
