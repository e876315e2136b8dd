/**
 * The calls by which the Terraform provider reads a resource or data source, with the file that makes them
 * (hashicorp/terraform-provider-aws, internal/service/). A plan makes them all. apply.test.ts holds those of the default
 * configuration against what the real provider asks for; the rest, and what version 6 adds, is read from the source.
 */
export const READS: Record<string, { calls: string[]; source: string }> = {
  aws_acm_certificate: reads(
    'acm/certificate.go',
    'acm',
    'DescribeCertificate ListTagsForCertificate',
  ),
  aws_acm_certificate_validation: reads(
    'acm/certificate_validation.go',
    'acm',
    'DescribeCertificate',
  ),
  aws_autoscaling_group: reads('autoscaling/group.go', 'autoscaling', 'DescribeAutoScalingGroups'),
  aws_autoscaling_policy: reads('autoscaling/policy.go', 'autoscaling', 'DescribePolicies'),
  aws_availability_zones: reads(
    'ec2/ec2_availability_zones_data_source.go',
    'ec2',
    'DescribeAvailabilityZones',
  ),
  aws_caller_identity: reads('sts/caller_identity_data_source.go', 'sts', ''),
  aws_cloudwatch_dashboard: reads('cloudwatch/dashboard.go', 'cloudwatch', 'GetDashboard'),
  aws_cloudwatch_event_rule: reads('events/rule.go', 'events', 'DescribeRule ListTagsForResource'),
  aws_cloudwatch_event_target: reads('events/target.go', 'events', 'ListTargetsByRule'),
  aws_cloudwatch_log_group: reads('logs/group.go', 'logs', 'DescribeLogGroups ListTagsForResource'),
  aws_cloudwatch_metric_alarm: reads(
    'cloudwatch/metric_alarm.go',
    'cloudwatch',
    'DescribeAlarms ListTagsForResource',
  ),
  aws_default_security_group: reads(
    'ec2/vpc_default_security_group.go',
    'ec2',
    'DescribeSecurityGroups',
  ),
  aws_eip: reads('ec2/ec2_eip.go', 'ec2', 'DescribeAddresses DescribeAddressesAttribute'),
  aws_elasticache_parameter_group: reads(
    'elasticache/parameter_group.go',
    'elasticache',
    'DescribeCacheParameterGroups DescribeCacheParameters ListTagsForResource',
  ),
  aws_elasticache_replication_group: reads(
    'elasticache/replication_group.go',
    'elasticache',
    'DescribeReplicationGroups DescribeCacheClusters ListTagsForResource',
  ),
  aws_elasticache_subnet_group: reads(
    'elasticache/subnet_group.go',
    'elasticache',
    'DescribeCacheSubnetGroups ListTagsForResource',
  ),
  aws_elasticache_user: reads(
    'elasticache/user.go',
    'elasticache',
    'DescribeUsers ListTagsForResource',
  ),
  aws_elasticache_user_group: reads(
    'elasticache/user_group.go',
    'elasticache',
    'DescribeUserGroups ListTagsForResource',
  ),
  aws_flow_log: reads('ec2/vpc_flow_log.go', 'ec2', 'DescribeFlowLogs'),
  aws_iam_instance_profile: reads('iam/instance_profile.go', 'iam', 'GetInstanceProfile'),
  aws_iam_policy: reads('iam/policy.go', 'iam', 'GetPolicy GetPolicyVersion'),
  aws_iam_policy_document: reads('iam/policy_document_data_source.go', 'iam', ''),
  aws_iam_role: reads(
    'iam/role.go',
    'iam',
    'GetRole ListRolePolicies GetRolePolicy ListAttachedRolePolicies',
  ),
  aws_iam_role_policy: reads('iam/role_policy.go', 'iam', 'GetRolePolicy'),
  aws_internet_gateway: reads('ec2/vpc_internet_gateway.go', 'ec2', 'DescribeInternetGateways'),
  aws_kms_alias: reads('kms/alias.go', 'kms', 'ListAliases'),
  aws_kms_key: reads(
    'kms/key.go',
    'kms',
    'DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags',
  ),
  aws_launch_template: reads(
    'ec2/ec2_launch_template.go',
    'ec2',
    'DescribeLaunchTemplates DescribeLaunchTemplateVersions',
  ),
  aws_lb: reads(
    'elbv2/load_balancer.go',
    'elasticloadbalancing',
    'DescribeLoadBalancers DescribeLoadBalancerAttributes DescribeCapacityReservation DescribeTags',
  ),
  aws_lb_listener: reads(
    'elbv2/listener.go',
    'elasticloadbalancing',
    'DescribeListeners DescribeListenerAttributes DescribeTags',
  ),
  aws_lb_listener_rule: reads(
    'elbv2/listener_rule.go',
    'elasticloadbalancing',
    'DescribeRules DescribeTags',
  ),
  aws_lb_target_group: reads(
    'elbv2/target_group.go',
    'elasticloadbalancing',
    'DescribeTargetGroups DescribeTargetGroupAttributes DescribeTags',
  ),
  aws_memorydb_acl: reads('memorydb/acl.go', 'memorydb', 'DescribeACLs ListTags'),
  aws_memorydb_cluster: reads('memorydb/cluster.go', 'memorydb', 'DescribeClusters ListTags'),
  aws_memorydb_subnet_group: reads(
    'memorydb/subnet_group.go',
    'memorydb',
    'DescribeSubnetGroups ListTags',
  ),
  aws_memorydb_user: reads('memorydb/user.go', 'memorydb', 'DescribeUsers ListTags'),
  aws_nat_gateway: reads('ec2/vpc_nat_gateway.go', 'ec2', 'DescribeNatGateways'),
  aws_partition: reads('meta/partition_data_source.go', 'sts', ''),
  aws_route: reads('ec2/vpc_route.go', 'ec2', 'DescribeRouteTables'),
  aws_route53_record: reads('route53/record.go', 'route53', 'GetHostedZone ListResourceRecordSets'),
  aws_route_table: reads('ec2/vpc_route_table.go', 'ec2', 'DescribeRouteTables'),
  aws_route_table_association: reads(
    'ec2/vpc_route_table_association.go',
    'ec2',
    'DescribeRouteTables',
  ),
  // ListBucket is HeadBucket; ListTagsForResource is version 6's, GetBucketTagging version 5's.
  aws_s3_bucket: reads(
    's3/bucket.go',
    's3',
    'ListBucket GetBucketPolicy GetBucketAcl GetBucketCORS GetBucketWebsite GetBucketVersioning GetAccelerateConfiguration GetBucketRequestPayment GetBucketLogging GetLifecycleConfiguration GetReplicationConfiguration GetEncryptionConfiguration GetBucketObjectLockConfiguration GetBucketTagging',
  ),
  aws_s3_bucket_lifecycle_configuration: reads(
    's3/bucket_lifecycle_configuration.go',
    's3',
    'GetLifecycleConfiguration',
  ),
  aws_s3_bucket_policy: reads('s3/bucket_policy.go', 's3', 'GetBucketPolicy'),
  aws_s3_bucket_public_access_block: reads(
    's3/bucket_public_access_block.go',
    's3',
    'GetBucketPublicAccessBlock',
  ),
  aws_s3_bucket_server_side_encryption_configuration: reads(
    's3/bucket_server_side_encryption_configuration.go',
    's3',
    'GetEncryptionConfiguration',
  ),
  aws_s3_bucket_versioning: reads('s3/bucket_versioning.go', 's3', 'GetBucketVersioning'),
  aws_security_group: reads('ec2/vpc_security_group.go', 'ec2', 'DescribeSecurityGroups'),
  aws_sns_topic: reads('sns/topic.go', 'sns', 'GetTopicAttributes ListTagsForResource'),
  aws_sns_topic_policy: reads('sns/topic_policy.go', 'sns', 'GetTopicAttributes'),
  aws_sns_topic_subscription: reads(
    'sns/topic_subscription.go',
    'sns',
    'GetSubscriptionAttributes',
  ),
  aws_ssm_document: reads(
    'ssm/document.go',
    'ssm',
    'DescribeDocument DescribeDocumentPermission GetDocument',
  ),
  aws_ssm_parameter: reads('ssm/parameter_data_source.go', 'ssm', 'GetParameter'),
  aws_subnet: reads('ec2/vpc_subnet.go', 'ec2', 'DescribeSubnets'),
  aws_vpc: reads(
    'ec2/vpc_.go',
    'ec2',
    'DescribeVpcs DescribeVpcAttribute DescribeNetworkAcls DescribeRouteTables DescribeSecurityGroups',
  ),
  // DescribeNetworkInterfaces is version 6's, for the addresses of an interface endpoint.
  aws_vpc_endpoint: reads(
    'ec2/vpc_endpoint.go',
    'ec2',
    'DescribeVpcEndpoints DescribePrefixLists DescribeNetworkInterfaces',
  ),
  aws_vpc_security_group_egress_rule: reads(
    'ec2/vpc_security_group_egress_rule.go',
    'ec2',
    'DescribeSecurityGroupRules',
  ),
  aws_vpc_security_group_ingress_rule: reads(
    'ec2/vpc_security_group_ingress_rule.go',
    'ec2',
    'DescribeSecurityGroupRules',
  ),
  aws_wafv2_web_acl: reads('wafv2/web_acl.go', 'wafv2', 'GetWebACL ListTagsForResource'),
  aws_wafv2_web_acl_association: reads(
    'wafv2/web_acl_association.go',
    'wafv2',
    'GetWebACLForResource',
  ),
  aws_wafv2_web_acl_logging_configuration: reads(
    'wafv2/web_acl_logging_configuration.go',
    'wafv2',
    'GetLoggingConfiguration',
  ),
}

/** What else the provider asks, for the account's id; it goes on without an answer (hashicorp/aws-sdk-go-base, awsauth.go). */
export const OPTIONAL = ['iam:GetUser', 'sts:GetCallerIdentity']

function reads(source: string, service: string, verbs: string) {
  return { source, calls: verbs.split(' ').flatMap((verb) => (verb ? `${service}:${verb}` : [])) }
}
