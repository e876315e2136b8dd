import { $ } from 'bun'
import { Stop } from '../cli/errors.ts'

const INSTALL = `source scripts/lib/shell/packages.sh && source scripts/lib/shell/image-packages.sh &&
  need_packages "\${image_packages[@]}" "$@"`

/** Installs the Debian packages needed to bake and boot a local image, and `more`. Throws `Stop` if it cannot. */
export async function needImagePackages(root: string, ...more: string[]): Promise<void> {
  const { exitCode, stderr } = await $`bash -c ${INSTALL} bash ${more}`.cwd(root).nothrow().quiet()
  if (exitCode !== 0) throw new Stop(stderr.toString().trim())
}
