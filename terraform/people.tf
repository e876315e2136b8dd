################################################################################
# People: attach "operator" and "rollback" to those on call, and also "shell" to those with break-glass access
################################################################################

resource "aws_iam_policy" "operator" {
  name        = "${local.name}-operator"
  description = "Run the documents of ${local.name} on its instances, suspend processes of its group, freeze deploys"
  policy      = data.aws_iam_policy_document.operator.json
}

data "aws_iam_policy_document" "operator" {
  # checkov:skip=CKV_AWS_356:reading the result of a command cannot be restricted to a resource
  statement {
    sid       = "Documents"
    actions   = ["ssm:SendCommand"]
    resources = [for document in aws_ssm_document.command : document.arn]
  }

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
