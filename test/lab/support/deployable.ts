import { cpSync, mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type Pinned, writeReleaseFile } from '../../../scripts/lib/release/file.ts'
import { root } from '../../../scripts/lib/service.ts'
import { stubCommand } from './stub.ts'

/** What Terraform would have made. */
export interface Cloud {
  group: string
  /** Its first version runs the release that is deployed first. */
  templateId: string
  url: string
  alarms: string[]
}

/**
 * Lays out `folder` like a clone of this project that can deploy to `cloud`: this tree's scripts, and its terraform/ as far
 * as that needs no provider, ready for a first apply of `release`.
 */
export async function layOutProject(folder: string, cloud: Cloud, release: Pinned): Promise<void> {
  for (const name of ['package.json', 'bun.lock', 'bunfig.toml', 'scripts']) {
    cpSync(join(root, name), join(folder, name), { recursive: true, preserveTimestamps: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  makeVersionsBeforeRollouts(join(folder, 'scripts'))
  const terraform = join(folder, 'terraform')
  mkdirSync(terraform)
  for (const name of ['variables.tf', 'rollout.tf'])
    cpSync(join(root, 'terraform', name), join(terraform, name))
  await Bun.write(join(terraform, 'main.tf'), madeAlready(cloud))
  const file = join(terraform, 'release.auto.tfvars.json')
  await writeReleaseFile(file, { ...release, history: [] })
}

/** As on AWS, a change of the release makes a version of the launch template before the rollout. */
function makeVersionsBeforeRollouts(scripts: string): void {
  renameSync(join(scripts, 'rollout'), join(scripts, 'rollout-itself'))
  const makeVersion = `'${process.execPath}' '${join(import.meta.dir, 'launch-template-version.ts')}'`
  stubCommand(
    scripts,
    'rollout',
    `#!/bin/sh
set -eu
scripts=$(dirname "$0")
[ "$1" != start ] || ${makeVersion} "$scripts/../terraform/release.auto.tfvars.json" "$@"
exec "$scripts/rollout-itself" "$@"
`,
  )
}

/** What rollout.tf refers to, and the outputs that the scripts read. */
function madeAlready({ group, templateId, url, alarms }: Cloud): string {
  return `locals {
  fleet = {
    group            = "${group}"
    template         = "${templateId}"
    template_version = length(var.history) + 1
  }
  rollout_alarms = ${JSON.stringify(alarms)}
  url            = "${url}"
}

resource "terraform_data" "ready" {}

// The launch template would.
output "ami" { value = var.ami_id }
output "alarm_names" { value = local.rollout_alarms }
output "group_name" { value = local.fleet.group }
output "launch_template_id" { value = local.fleet.template }
output "launch_template_version" { value = local.fleet.template_version }
output "region" { value = var.region }
output "release" { value = var.release }
output "url" { value = local.url }
`
}
