import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { offline } from '../../lab/support/terraform.ts'

const NAME = 'registry.terraform.io/hashicorp/aws'
const MIRRORS = [
  join(homedir(), '.terraform.d/plugins'),
  '/usr/local/share/terraform/plugins',
  '/usr/share/terraform/plugins',
  ...new Bun.Glob('*').scanSync({ cwd: '/opt', onlyFiles: false, absolute: true }),
]

export interface RealProvider {
  /** Exact version; undefined for the registry's version that versions.tf selects. */
  version: string | undefined
  /** Content of the CLI configuration file that points to it. */
  cliConfiguration: string
}

/** The provider that talks to AWS: from a local mirror, or else from the registry, if that can be reached. */
export function findRealProvider(): RealProvider | undefined {
  for (const mirror of MIRRORS.filter((path) => existsSync(join(path, NAME)))) {
    const files = new Bun.Glob('*/*/terraform-provider-aws_v*').scanSync(join(mirror, NAME))
    const versions = [...files].map((path) => path.split('/')[0] as string)
    const newest = versions.sort(Bun.semver.order).at(-1)
    if (!newest) continue
    return {
      version: newest,
      cliConfiguration: `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`,
    }
  }
  return existsSync(offline) ? undefined : { version: undefined, cliConfiguration: '' }
}

const ENDPOINTS =
  'acm autoscaling cloudwatch cloudwatchlogs ec2 elasticache elbv2 events iam kms memorydb route53 s3 sns ssm sts wafv2'

/** An override file that points the provider at `url`, with dummy credentials. */
export function emulatorOverride(url: string, version: string | undefined): string {
  const pinned = version
    ? `terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "${version}"
    }
  }
}
`
    : ''
  const endpoints = ENDPOINTS.split(' ').map((service) => `    ${service} = "${url}"`)
  return `${pinned}
provider "aws" {
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true

  endpoints {
${endpoints.join('\n')}
  }
}
`
}
