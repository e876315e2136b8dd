import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type Pinned, writeReleaseFile } from '../../../scripts/lib/release/file.ts'
import { root } from '../../../scripts/lib/service.ts'

/** What Terraform would have made. */
export interface Cloud {
  group: string
  /** Its first version runs the release that is deployed first. */
  templateId: string
  url: string
  alarms: string[]
}

/** The outputs of terraform/outputs.tf that can be had without a provider; scripts/deploy reads four of them. */
const OUTPUTS = [
  'alarm_names',
  'group_name',
  'launch_template_id',
  'launch_template_version',
  'region',
  'release',
  'url',
]

/**
 * Lays out `folder` like a clone of this project that can deploy to `cloud`: this tree's scripts, and its terraform/ as far
 * as that needs no provider, ready for a first apply of `release`.
 */
export async function layOutProject(folder: string, cloud: Cloud, release: Pinned): Promise<void> {
  for (const name of ['package.json', 'bun.lock', 'bunfig.toml', 'scripts']) {
    cpSync(join(root, name), join(folder, name), { recursive: true, preserveTimestamps: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const terraform = join(folder, 'terraform')
  mkdirSync(terraform)
  cpSync(join(root, 'terraform/variables.tf'), join(terraform, 'variables.tf'))
  await Bun.write(join(terraform, 'main.tf'), withoutProvider(cloud))
  const file = join(terraform, 'release.auto.tfvars.json')
  await writeReleaseFile(file, { ...release, history: [] })
}

/**
 * The rollout with its command, and the outputs, word for word, but for what a provider would make: that is a local value.
 * Each change of the release makes a version of the launch template, as it does on AWS, before the rollout.
 */
function withoutProvider({ group, templateId, url, alarms }: Cloud): string {
  const makeVersion = [
    `'${process.execPath}' '${join(import.meta.dir, 'launch-template-version.ts')}'`,
    `${templateId} \${aws_launch_template.main.latest_version} \${var.ami_id} \${var.release}`,
  ].join(' ')
  const provisioner = '  provisioner "local-exec" {\n'
  const rollout = block('group.tf', 'resource "terraform_data" "rollout"')
    .replace(/^ {2}depends_on = \[.*?^ {2}\]\n/ms, '')
    .replace(provisioner, `${provisioner}    command = "${makeVersion}"\n  }\n\n${provisioner}`)
  const locals = `locals {
  aws_autoscaling_group_main          = { name = "${group}" }
  aws_launch_template_main            = { id = "${templateId}", latest_version = length(var.history) + 1 }
  rollout_alarms                      = ${JSON.stringify(alarms)}
  url                                 = "${url}"
}
`
  const outputs = OUTPUTS.map((name) => block('outputs.tf', `output "${name}"`))
  return [locals, rollout, ...outputs]
    .join('\n')
    .replaceAll(/\b(aws_\w+)\.(main|rollout)\b/g, 'local.$1_$2')
}

/** A block of a file in terraform/, by its head. */
function block(file: string, head: string): string {
  const text = readFileSync(join(root, 'terraform', file), 'utf8')
  const start = text.indexOf(`${head} {\n`)
  if (start < 0) throw new Error(`terraform/${file} has no ${head}`)
  return text.slice(start, text.indexOf('\n}\n', start) + 3)
}
