################################################################################
# Plan: read what the root module manages
################################################################################

data "aws_iam_policy_document" "plan" {
  # checkov:skip=CKV_AWS_356:describe actions cannot be restricted to a resource
  statement {
    sid       = "State"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.state.arn}/${local.name}.tfstate", "${aws_s3_bucket.state.arn}/${local.name}.tfstate.tflock"]
  }

  statement {
    sid       = "Lock"
    actions   = ["s3:DeleteObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.state.arn}/${local.name}.tfstate.tflock"]
  }

  statement {
    sid       = "FindState"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.state.arn]
  }

  statement {
    sid       = "StateKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.state.arn]
  }

  statement {
    sid       = "Password"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.arn}:ssm:${var.region}:${local.account_id}:parameter/${local.service}/${var.environment}/redis-password"]
  }

  # Who made an image, which a deploy and its plan verify; and whether deploys are frozen (scripts/lib/fleet/freeze.ts).
  statement {
    sid     = "Statements"
    actions = ["ssm:GetParameter"]

    resources = [
      local.statements,
      "${local.arn}:ssm:${var.region}:${local.account_id}:parameter/${local.service}/${var.environment}/freeze",
    ]
  }

  statement {
    sid = "AccessLogs"

    actions = [
      "s3:GetAccelerateConfiguration",
      "s3:GetBucketAcl",
      "s3:GetBucketCORS",
      "s3:GetBucketLogging",
      "s3:GetBucketObjectLockConfiguration",
      "s3:GetBucketPolicy",
      "s3:GetBucketPublicAccessBlock",
      "s3:GetBucketRequestPayment",
      "s3:GetBucketTagging",
      "s3:GetBucketVersioning",
      "s3:GetBucketWebsite",
      "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration",
      "s3:GetReplicationConfiguration",
      "s3:ListBucket",
      "s3:ListTagsForResource",
    ]

    resources = ["${local.arn}:s3:::${local.name}-access-logs-*"]
  }

  statement {
    sid = "Roles"

    actions = [
      "iam:GetInstanceProfile",
      "iam:GetPolicy",
      "iam:GetPolicyVersion",
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListRolePolicies",
    ]

    resources = [for kind in ["instance-profile", "policy", "role"] : "${local.arn}:iam::${local.account_id}:${kind}/${local.name}-*"]
  }

  statement {
    sid = "Describe"

    actions = [
      "acm:DescribeCertificate",
      "acm:ListTagsForCertificate",
      "autoscaling:DescribeAutoScalingGroups",
      "autoscaling:DescribeInstanceRefreshes",
      "autoscaling:DescribePolicies",
      "autoscaling:DescribeScalingActivities",
      "autoscaling:DescribeTrafficSources",
      "autoscaling:DescribeWarmPool",
      "cloudwatch:DescribeAlarms",
      "cloudwatch:GetDashboard",
      "cloudwatch:GetMetricStatistics",
      "cloudwatch:ListTagsForResource",
      "ec2:DescribeAddresses",
      "ec2:DescribeAddressesAttribute",
      "ec2:DescribeAvailabilityZones",
      "ec2:DescribeFlowLogs",
      "ec2:DescribeImages",
      "ec2:DescribeInstances",
      "ec2:DescribeInternetGateways",
      "ec2:DescribeLaunchTemplateVersions",
      "ec2:DescribeLaunchTemplates",
      "ec2:DescribeNatGateways",
      "ec2:DescribeNetworkAcls",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribePrefixLists",
      "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroupRules",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeVpcAttribute",
      "ec2:DescribeVpcEndpoints",
      "ec2:DescribeVpcs",
      "elasticache:DescribeCacheClusters",
      "elasticache:DescribeCacheParameterGroups",
      "elasticache:DescribeCacheParameters",
      "elasticache:DescribeCacheSubnetGroups",
      "elasticache:DescribeReplicationGroups",
      "elasticache:DescribeUserGroups",
      "elasticache:DescribeUsers",
      "elasticache:ListTagsForResource",
      "elasticloadbalancing:DescribeCapacityReservation",
      "elasticloadbalancing:DescribeListenerAttributes",
      "elasticloadbalancing:DescribeListeners",
      "elasticloadbalancing:DescribeLoadBalancerAttributes",
      "elasticloadbalancing:DescribeLoadBalancers",
      "elasticloadbalancing:DescribeRules",
      "elasticloadbalancing:DescribeTags",
      "elasticloadbalancing:DescribeTargetGroupAttributes",
      "elasticloadbalancing:DescribeTargetGroups",
      "elasticloadbalancing:DescribeTargetHealth",
      "events:DescribeRule",
      "events:ListTagsForResource",
      "events:ListTargetsByRule",
      "kms:DescribeKey",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:ListAliases",
      "kms:ListResourceTags",
      "logs:DescribeLogGroups",
      "logs:ListTagsForResource",
      "memorydb:DescribeACLs",
      "memorydb:DescribeClusters",
      "memorydb:DescribeSubnetGroups",
      "memorydb:DescribeUsers",
      "memorydb:ListTags",
      "route53:GetHostedZone",
      "route53:ListResourceRecordSets",
      "sns:GetSubscriptionAttributes",
      "sns:GetTopicAttributes",
      "sns:ListTagsForResource",
      "ssm:DescribeDocument",
      "ssm:DescribeDocumentPermission",
      "ssm:GetDocument",
      "ssm:ListTagsForResource",
      "wafv2:GetLoggingConfiguration",
      "wafv2:GetWebACL",
      "wafv2:GetWebACLForResource",
      "wafv2:ListTagsForResource",
    ]

    resources = ["*"]
  }

  # What scripts/doctor reads beyond what a plan does: whether alarms, logs, quotas and agents are what they seem.
  statement {
    sid = "Doctor"

    actions = [
      "cloudwatch:ListMetrics",
      "servicequotas:GetAWSDefaultServiceQuota",
      "servicequotas:GetServiceQuota",
      "sns:ListSubscriptionsByTopic",
      "ssm:DescribeInstanceInformation",
      "ssm:DescribeParameters",
    ]

    resources = ["*"]
  }

  statement {
    sid       = "DoctorJournal"
    actions   = ["logs:DescribeLogStreams", "logs:FilterLogEvents"]
    resources = ["${local.arn}:logs:${var.region}:${local.account_id}:log-group:/${local.service}/${var.environment}/journal:*"]
  }
}
