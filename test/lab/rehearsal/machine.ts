import { $ } from 'bun'
import { Stop } from '../../../scripts/lib/cli/errors.ts'
import { root } from '../../../scripts/lib/service.ts'

/** Why no rehearsal can run on this machine; undefined if one can. */
export const cannotRehearse: string | undefined =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root on Linux, to boot containers in a network namespace (sudo scripts/rehearse)'
    : Bun.which('terraform')
      ? undefined
      : 'needs Terraform 1.11 or later, which renders the user data, https://developer.hashicorp.com/terraform/install'

const PACKAGES = ['haproxy', 'redis-server', 'git', 'curl', 'jq']

/** Throws if no rehearsal can run on this machine, and installs what it lacks. */
export async function requireMachine(): Promise<void> {
  if (cannotRehearse) throw new Stop(cannotRehearse)
  const install = `source scripts/lib/shell/packages.sh; source scripts/lib/shell/image-packages.sh
need_packages "$@" "\${image_packages[@]}"`
  const { exitCode } = await $`bash -euc ${install} bash ${PACKAGES}`.cwd(root).nothrow()
  if (exitCode !== 0) throw new Stop('a rehearsal lacks packages')
}
