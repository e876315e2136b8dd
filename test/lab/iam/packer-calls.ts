import { keptAt } from '../../../scripts/lib/provenance/kept.ts'
import { service } from '../../../scripts/lib/service.ts'
import type { Access } from '../aws-double/access.ts'
import { ACCOUNT, arn, REGION } from '../aws-double/names.ts'
import { ask, ec2, has, image, sets, snapshot } from './ask.ts'
import { BAKE_VPC } from './render.ts'

export const UNFINISHED = { Name: `packer ${service.name} 111111111111` }
const FINISHED = {
  Name: `${service.name} 111111111111`,
  service: service.name,
  release: '1'.repeat(40),
}

export const STATEMENT = arn('ssm', `parameter${keptAt('ami-0123456789abcdef0')}`)

/** Tags given in the call that creates a resource, which EC2 checks as a call of its own. */
const tagged = (create: string, resource: string) =>
  ask('ec2:CreateTags', resource, { ...sets(UNFINISHED), 'ec2:CreateAction': create })

/**
 * Every call of a bake with packer/aws, in the order of the steps, on each resource that EC2 checks. From the source of
 * hashicorp/packer-plugin-amazon, version 1.8.2, builder/: the file is named before each group. The last is this project's.
 */
export const BAKE: Access[] = [
  // ../datasource/parameterstore/data.go
  ask(
    'ssm:GetParameter',
    `arn:aws:ssm:${REGION}::parameter/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64`,
  ),
  // common/regions.go, step_pre_validate.go, step_source_ami_info.go
  ask('ec2:DescribeRegions'),
  ask('ec2:DescribeImages'),
  ask('ec2:DescribeVpcs'),
  // common/step_network_info.go
  ask('ec2:DescribeSubnets'),
  ask('ec2:DescribeInstanceTypeOfferings'),
  // common/step_key_pair.go
  ask('ec2:CreateKeyPair', ec2('key-pair/packer'), sets(UNFINISHED)),
  tagged('CreateKeyPair', ec2('key-pair/packer')),
  // common/step_security_group.go; it opens no port, since the session manager needs none
  ask('ec2:CreateSecurityGroup', ec2('security-group/sg'), sets(UNFINISHED)),
  ask('ec2:CreateSecurityGroup', BAKE_VPC),
  tagged('CreateSecurityGroup', ec2('security-group/sg')),
  ask('ec2:DescribeSecurityGroups'),
  // common/step_iam_instance_profile.go
  ask('iam:GetInstanceProfile', `arn:aws:iam::${ACCOUNT}:instance-profile/${service.name}-bake`),
  // common/step_run_source_instance.go
  ask('ec2:RunInstances', image(), { 'ec2:Owner': 'amazon' }),
  ask('ec2:RunInstances', snapshot(), { 'ec2:Owner': 'amazon' }),
  ask('ec2:RunInstances', ec2('instance/i'), sets(UNFINISHED)),
  ask('ec2:RunInstances', ec2('volume/vol'), sets(UNFINISHED)),
  ask('ec2:RunInstances', ec2('network-interface/eni'), {
    ...sets(UNFINISHED),
    'ec2:Vpc': BAKE_VPC,
  }),
  ask('ec2:RunInstances', ec2('subnet/subnet'), { 'ec2:Vpc': BAKE_VPC }),
  ask('ec2:RunInstances', ec2('security-group/sg'), { ...has(UNFINISHED), 'ec2:Vpc': BAKE_VPC }),
  ask('ec2:RunInstances', ec2('key-pair/packer'), has(UNFINISHED)),
  ...['instance/i', 'volume/vol', 'network-interface/eni'].map((kind) =>
    tagged('RunInstances', ec2(kind)),
  ),
  ask('iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/${service.name}-bake`, {
    'iam:PassedToService': 'ec2.amazonaws.com',
  }),
  ask('ec2:DescribeInstances'),
  // common/step_create_ssm_tunnel.go, ssm/session.go, and the session-manager-plugin
  ask('ec2:DescribeInstanceStatus'),
  ask('ssm:StartSession', ec2('instance/i'), has(UNFINISHED)),
  ask('ssm:StartSession', `arn:aws:ssm:${REGION}::document/AWS-StartPortForwardingSession`),
  ask('ssmmessages:OpenDataChannel', arn('ssm', 'session/alice-0123456789abcdef0')),
  ask('ssm:TerminateSession', arn('ssm', 'session/alice-0123456789abcdef0'), {
    'ssm:resourceTag/aws:ssmmessages:session-id': 'AROA0123456789ABCDEFG:alice',
  }),
  // common/step_stop_ebs_instance.go
  ask('ec2:StopInstances', ec2('instance/i'), has(UNFINISHED)),
  // ebs/step_create_ami.go
  ask('ec2:CreateImage', ec2('instance/i'), has(UNFINISHED)),
  ask('ec2:CreateImage', image(), sets(UNFINISHED)),
  ask('ec2:CreateImage', snapshot(), sets(UNFINISHED)),
  tagged('CreateImage', image()),
  tagged('CreateImage', snapshot()),
  // common/step_enable_deprecation.go, step_modify_ami_attributes.go: ami_description and imds_support
  ask('ec2:EnableImageDeprecation', image(), has(UNFINISHED)),
  ask('ec2:ModifyImageAttribute', image(), {
    ...has(UNFINISHED),
    'ec2:Attribute/Description': `${service.name}, release 1`,
  }),
  ask('ec2:ModifyImageAttribute', image(), {
    ...has(UNFINISHED),
    'ec2:Attribute/ImdsSupport': 'v2.0',
  }),
  // common/step_create_tags.go
  ask('ec2:CreateTags', image(), { ...has(UNFINISHED), ...sets(FINISHED) }),
  ask('ec2:CreateTags', snapshot(), { ...has(UNFINISHED), ...sets(FINISHED) }),
  // The clean-up of these steps, and after a failure that of common/step_cleanup_volumes.go and ebs/step_create_ami.go
  ask('ec2:TerminateInstances', ec2('instance/i'), has(UNFINISHED)),
  ask('ec2:DeleteSecurityGroup', ec2('security-group/sg'), has(UNFINISHED)),
  ask('ec2:DeleteKeyPair', ec2('key-pair/packer'), has(UNFINISHED)),
  ask('ec2:DescribeVolumes'),
  ask('ec2:DeleteVolume', ec2('volume/vol'), has(UNFINISHED)),
  ask('ec2:DeregisterImage', image(), has(UNFINISHED)),
  ask('ec2:DeleteSnapshot', snapshot(), has(UNFINISHED)),
  // scripts/lib/provenance/kept.ts
  ask('ssm:PutParameter', STATEMENT, { 'ssm:Overwrite': 'false' }),
  // scripts/lib/provenance/inventory.ts
  ask('ssm:PutParameter', `${STATEMENT}/packages`, { 'ssm:Overwrite': 'false' }),
  ask('ssm:GetParameter', `${STATEMENT}/packages`),
]
