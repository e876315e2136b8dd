################################################################################
# People: attach "operator" and "rollback" to those on call, "shell" also to those with break-glass access, and "secrets"
# to those who rotate secrets
################################################################################

resource "aws_iam_policy" "operator" {
  name        = "${local.name}-operator"
  description = "Run the documents of ${local.name} on its instances, suspend processes of its group, freeze deploys"
  policy      = data.aws_iam_policy_document.operator.json
}

data "aws_iam_policy_document" "operator" {
  source_policy_documents = [data.aws_iam_policy_document.commands.json]

  statement {
    sid       = "Documents"
    actions   = ["ssm:SendCommand"]
    resources = [for document in aws_ssm_document.command : document.arn]
  }

  statement {
    sid     = "Automations"
    actions = ["ssm:StartAutomationExecution"]

    # AWS checks the document and the execution; it used to check the definition, as which the provider's ARN names it.
    resources = concat(
      [for document in aws_ssm_document.automation : "${local.ssm_arn}:document/${document.name}"],
      [for document in aws_ssm_document.automation : "${local.ssm_arn}:automation-definition/${document.name}:*"],
      ["${local.ssm_arn}:automation-execution/*"],
    )
  }

  statement {
    sid       = "AutomationRole"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.automation.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ssm.amazonaws.com"]
    }
  }

  # A restart takes an instance out of service for a moment, which must not get it replaced. AWS cannot restrict which
  # process: whoever has this can also stop launches, and with them a rollout or the replacement of a dead instance.
  statement {
    sid       = "HealthCheck"
    actions   = ["autoscaling:ResumeProcesses", "autoscaling:SuspendProcesses"]
    resources = [local.group_arn]
  }

  statement {
    sid       = "Provenance"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.ssm_arn}:parameter/${local.service}/provenance/*"]
  }

  # Until the time that it names, nothing is deployed.
  statement {
    sid       = "Freeze"
    actions   = ["ssm:DeleteParameter", "ssm:GetParameter", "ssm:PutParameter"]
    resources = ["${local.ssm_arn}:parameter/${local.service}/${var.environment}/freeze"]
  }
}

# The documents that each policy names, on the instances of this environment.
data "aws_iam_policy_document" "commands" {
  # checkov:skip=CKV_AWS_356:reading the result of a command cannot be restricted to a resource
  statement {
    sid       = "Instances"
    actions   = ["ssm:SendCommand"]
    resources = ["arn:${local.partition}:ec2:${var.region}:${local.account_id}:instance/*"]

    dynamic "condition" {
      for_each = local.tags

      content {
        test     = "StringEquals"
        variable = "ssm:resourceTag/${condition.key}"
        values   = [condition.value]
      }
    }
  }

  statement {
    sid = "Watch"

    actions = [
      "autoscaling:DescribeAutoScalingGroups",
      "autoscaling:DescribeInstanceRefreshes",
      "autoscaling:DescribeScalingActivities",
      "cloudwatch:DescribeAlarms",
      "ec2:DescribeImages",
      "ec2:DescribeInstances",
      "ec2:DescribeLaunchTemplateVersions",
      "elasticloadbalancing:DescribeListeners",
      "elasticloadbalancing:DescribeLoadBalancers",
      "elasticloadbalancing:DescribeTargetGroups",
      "elasticloadbalancing:DescribeTargetHealth",
      # AWS restricts these to nothing smaller: they read and cancel the commands of others in the account, too.
      "ssm:CancelCommand",
      "ssm:GetAutomationExecution",
      "ssm:GetCommandInvocation",
      "ssm:ListCommandInvocations",
    ]

    resources = ["*"]
  }
}

resource "aws_iam_policy" "secrets" {
  name        = "${local.name}-secrets"
  description = "Read and replace the secrets of ${local.name}: its tokens and the password of its store"
  policy      = data.aws_iam_policy_document.secrets.json
}

data "aws_iam_policy_document" "secrets" {
  source_policy_documents = [data.aws_iam_policy_document.commands.json]

  statement {
    sid       = "Reload"
    actions   = ["ssm:SendCommand"]
    resources = [aws_ssm_document.command["reload"].arn]
  }

  statement {
    sid       = "Secrets"
    actions   = ["ssm:GetParameter", "ssm:PutParameter"]
    resources = [for name in ["redis-password", "redis-password-next", "secrets-lock", "tokens"] : "${local.ssm_arn}:parameter/${local.service}/${var.environment}/${name}"]
  }

  statement {
    sid       = "Ended"
    actions   = ["ssm:DeleteParameter"]
    resources = [for name in ["redis-password-next", "secrets-lock"] : "${local.ssm_arn}:parameter/${local.service}/${var.environment}/${name}"]
  }

  # scripts/secrets asks both engines which of them has the user.
  statement {
    sid       = "Find"
    actions   = ["elasticache:DescribeUsers", "memorydb:DescribeUsers"]
    resources = [local.memorydb_user_arn, local.elasticache_user_arn]
  }

  statement {
    sid       = "Passwords"
    actions   = [var.store_engine == "memorydb" ? "memorydb:UpdateUser" : "elasticache:ModifyUser"]
    resources = [var.store_engine == "memorydb" ? local.memorydb_user_arn : local.elasticache_user_arn]

    condition {
      test     = "StringEquals"
      variable = "${var.store_engine}:UserAuthenticationMode"
      values   = ["password"]
    }
  }
}

resource "aws_iam_policy" "backup" {
  name        = "${local.name}-backup"
  description = "Take snapshots of the store of ${local.name}, restore them as a copy beside it, compare, remove the copy"
  policy      = data.aws_iam_policy_document.backup.json
}

locals {
  store_copy      = "${local.name}-copy"
  memorydb_arn    = "arn:${local.partition}:memorydb:${var.region}:${local.account_id}"
  elasticache_arn = "arn:${local.partition}:elasticache:${var.region}:${local.account_id}"

  # What each call is about, by engine. scripts/ops asks MemoryDB first whether it has the store.
  backup_calls = {
    memorydb = {
      "memorydb:DescribeClusters"  = ["${local.memorydb_arn}:cluster/${local.name}", "${local.memorydb_arn}:cluster/${local.store_copy}"]
      "memorydb:CreateSnapshot"    = ["${local.memorydb_arn}:cluster/${local.name}"]
      "memorydb:DescribeSnapshots" = ["${local.memorydb_arn}:snapshot/*"]
      "memorydb:CreateCluster"     = [for each in ["acl/${local.name}", "subnetgroup/${local.name}", "parametergroup/*", "snapshot/*"] : "${local.memorydb_arn}:${each}"]
      "memorydb:DeleteCluster"     = ["${local.memorydb_arn}:cluster/${local.store_copy}"]
    }
    elasticache = {
      "memorydb:DescribeClusters"             = ["${local.memorydb_arn}:cluster/${local.name}"]
      "elasticache:DescribeReplicationGroups" = ["${local.elasticache_arn}:replicationgroup:${local.name}", "${local.elasticache_arn}:replicationgroup:${local.store_copy}"]
      "elasticache:DescribeCacheClusters"     = ["${local.elasticache_arn}:cluster:${local.name}-*"]
      "elasticache:CreateSnapshot"            = ["${local.elasticache_arn}:replicationgroup:${local.name}", "${local.elasticache_arn}:snapshot:*"]
      "elasticache:DescribeSnapshots"         = ["${local.elasticache_arn}:snapshot:*"]
      "elasticache:CreateReplicationGroup"    = [for each in ["replicationgroup:${local.store_copy}", "parametergroup:${local.name}", "subnetgroup:${local.name}", "usergroup:${local.name}", "snapshot:*"] : "${local.elasticache_arn}:${each}"]
      "elasticache:DeleteReplicationGroup"    = ["${local.elasticache_arn}:replicationgroup:${local.store_copy}"]
    }
  }
}

data "aws_iam_policy_document" "backup" {
  source_policy_documents = [data.aws_iam_policy_document.commands.json]

  statement {
    sid       = "Compare"
    actions   = ["ssm:SendCommand"]
    resources = [aws_ssm_document.command["compare"].arn]
  }

  dynamic "statement" {
    for_each = local.backup_calls[var.store_engine]

    content {
      actions   = [statement.key]
      resources = statement.value
    }
  }

  # The copy is encrypted with the same key.
  statement {
    sid       = "Key"
    actions   = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    resources = [aws_kms_key.main.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["${var.store_engine}.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_policy" "rollback" {
  name        = "${local.name}-rollback"
  description = "Follow, cancel and roll back a rollout of ${local.name}; start its runbook of rollbacks"
  policy      = module.rollout_policy.json
}

module "rollout_policy" {
  source = "./rollout-policy"
  name   = local.name
  region = var.region
  tags   = local.tags
}

resource "aws_iam_policy" "shell" {
  name        = "${local.name}-shell"
  description = "Break the glass: an interactive session on the instances of ${local.name}"
  policy      = data.aws_iam_policy_document.shell.json
}

data "aws_iam_policy_document" "shell" {
  statement {
    sid       = "Instances"
    actions   = ["ssm:StartSession"]
    resources = ["arn:${local.partition}:ec2:${var.region}:${local.account_id}:instance/*"]

    dynamic "condition" {
      for_each = local.tags

      content {
        test     = "StringEquals"
        variable = "ssm:resourceTag/${condition.key}"
        values   = [condition.value]
      }
    }
  }

  # Which documents a session may use: without this, none, not even the default one, which has no tags of this service.
  statement {
    sid       = "DefaultDocument"
    actions   = ["ssm:StartSession"]
    resources = ["${local.ssm_arn}:document/SSM-SessionManagerRunShell"]
  }

  # By the tag that names who started it: the id begins with the role session name, which aws:userid does not.
  statement {
    sid       = "OwnSessions"
    actions   = ["ssm:ResumeSession", "ssm:TerminateSession"]
    resources = ["${local.ssm_arn}:session/*"]

    condition {
      test     = "StringEquals"
      variable = "ssm:resourceTag/aws:ssmmessages:session-id"
      values   = ["$${aws:userid}"]
    }
  }

  statement {
    sid       = "Channel"
    actions   = ["ssmmessages:OpenDataChannel"]
    resources = ["${local.ssm_arn}:session/*"]
  }
}
