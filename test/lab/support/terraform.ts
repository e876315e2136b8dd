import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { root, service } from '../../../scripts/lib/service.ts'
import { type Ran, run } from './command.ts'
import { stubCommand } from './stub.ts'
import { cache, install } from './tools.ts'

/** The script that builds the validate-only provider, if it exists. */
export const offline = resolve(root, '../shared/terraform-offline/install')

/** Where scripts/rollout writes its receipt, if this variable is set. */
export const RECEIPT = `${service.environmentPrefix}_ROLLOUT_RECEIPT`

/** A copy of terraform/ next to a stub scripts/rollout that only records its arguments, and leaves a receipt. */
export class Workspace implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'terraform-test-'))
  readonly module = join(this.path, 'terraform')
  private readonly calls = join(this.path, 'calls')

  constructor(readonly env: Record<string, string>) {
    cpSync(join(root, 'terraform'), this.module, {
      recursive: true,
      filter: (source) => !/^(\.terraform.*|.*\.tfstate.*)$/.test(basename(source)),
    })
    cpSync(join(root, 'package.json'), join(this.path, 'package.json'))
    const scripts = join(this.path, 'scripts')
    mkdirSync(scripts)
    const script = `#!/bin/sh\necho "$*" >>'${this.calls}'\n[ -z "$${RECEIPT}" ] || echo '{}' >"$${RECEIPT}"\nexit "$(cat '${this.path}/status' 2>/dev/null || echo 0)"\n`
    stubCommand(scripts, 'rollout', script)
  }

  terraform(args: string[], folder = '.'): Promise<Ran> {
    return run(['terraform', ...args], {
      cwd: join(this.module, folder),
      env: { ...process.env, NO_COLOR: '1', CHECKPOINT_DISABLE: '1', ...this.env },
    })
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.module, name), text)
  }

  /** The arguments of each rollout so far, oldest first. */
  rollouts(): string[] {
    return existsSync(this.calls) ? readFileSync(this.calls, 'utf8').trim().split('\n') : []
  }

  /** Sets the exit status of rollouts from now on. */
  rolloutsEndWith(status: number): void {
    writeFileSync(join(this.path, 'status'), String(status))
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** The environment in which Terraform finds a provider that can validate and be mocked. */
export async function providerEnvironment(): Promise<Record<string, string>> {
  if (!existsSync(offline)) return {}
  await install([offline, join(cache, 'terraform-offline')])
  return { TF_CLI_CONFIG_FILE: join(cache, 'terraform-offline/terraform.rc') }
}
