import { join } from 'node:path'
import { root } from '../../../scripts/lib/service.ts'
import { succeed } from './command.ts'
import { temporaryFolder } from './process.ts'

const TEMPLATE = join(root, 'terraform/user-data/instance.sh.tftpl')

/**
 * terraform/user-data/instance.sh.tftpl as Terraform renders it, with the variables that group.tf gives it. Throws if
 * Terraform is missing or refuses.
 */
export async function renderUserData(variables: {
  environment: Record<string, string>
  log_group: string
}): Promise<string> {
  using folder = temporaryFolder()
  await Bun.write(join(folder.path, 'variables.json'), JSON.stringify(variables))
  const { out } = await succeed(['terraform', 'console'], {
    cwd: folder.path,
    env: { ...process.env, CHECKPOINT_DISABLE: '1', TF_CLI_CONFIG_FILE: '/dev/null' },
    stdin: new Blob([
      `base64encode(templatefile("${TEMPLATE}", jsondecode(file("variables.json"))))\n`,
    ]),
  })
  return Buffer.from(JSON.parse(out), 'base64').toString()
}
