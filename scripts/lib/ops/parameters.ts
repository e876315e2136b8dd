import {
  DeleteParameterCommand,
  GetParameterCommand,
  PutParameterCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm'
import { unless } from '../aws/errors.ts'
import { service } from '../service.ts'

/** The next password is there while it replaces the former one; the lock, while somebody changes the others. */
export type SecretName = 'redis-password' | 'redis-password-next' | 'secrets-lock' | 'tokens'

/** The secrets of one environment: SecureStrings under `/<service>/<environment>/`. */
export class Parameters {
  constructor(
    private readonly ssm: SSMClient,
    private readonly environment: string,
  ) {}

  path(name: SecretName): string {
    return `/${service.name}/${this.environment}/${name}`
  }

  /** Undefined when there is none. */
  async read(name: SecretName): Promise<string | undefined> {
    const command = new GetParameterCommand({ Name: this.path(name), WithDecryption: true })
    const answer = await this.ssm.send(command).catch(unless('ParameterNotFound'))
    return answer?.Parameter?.Value
  }

  /** False when it already exists; it is then left unchanged. */
  async create(name: SecretName, value: string): Promise<boolean> {
    const answer = await this.put(name, value, false).catch(unless('ParameterAlreadyExists'))
    return answer !== undefined
  }

  async replace(name: SecretName, value: string): Promise<void> {
    await this.put(name, value, true)
  }

  async remove(name: SecretName): Promise<void> {
    const command = new DeleteParameterCommand({ Name: this.path(name) })
    await this.ssm.send(command).catch(unless('ParameterNotFound'))
  }

  private put(name: SecretName, value: string, overwrite: boolean) {
    return this.ssm.send(
      new PutParameterCommand({
        Name: this.path(name),
        Value: value,
        Type: 'SecureString',
        Overwrite: overwrite,
      }),
    )
  }
}
