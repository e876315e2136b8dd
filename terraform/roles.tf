locals {
  log_group_arns = { for key, group in aws_cloudwatch_log_group.main : key => "${group.arn}:*" }
  group_arn      = "arn:${local.partition}:autoscaling:${var.region}:${local.account_id}:autoScalingGroup:*:autoScalingGroupName/${local.name}"

  ssm_arn = "arn:${local.partition}:ssm:${var.region}:${local.account_id}"

  parameter_arns = [
    for name in concat([local.password_parameter], var.auth == "tokens" ? [local.tokens_parameter] : []) :
    "arn:${local.partition}:ssm:${var.region}:${local.account_id}:parameter${name}"
  ]
}

################################################################################
# Instances
################################################################################

resource "aws_iam_role" "instance" {
  name               = "${local.name}-instance"
  assume_role_policy = data.aws_iam_policy_document.assume["ec2"].json
}

resource "aws_iam_instance_profile" "instance" {
  name = "${local.name}-instance"
  role = aws_iam_role.instance.name
}

resource "aws_iam_role_policy" "instance" {
  name   = "instance"
  role   = aws_iam_role.instance.id
  policy = data.aws_iam_policy_document.instance.json
}

# Not the managed AmazonSSMManagedInstanceCore, which may read every parameter in the account.
data "aws_iam_policy_document" "instance" {
  # checkov:skip=CKV_AWS_111:the agent's channels cannot be restricted to a resource
  # checkov:skip=CKV_AWS_356:the agent's channels cannot be restricted to a resource
  statement {
    sid       = "Secrets"
    actions   = ["ssm:GetParameter"]
    resources = local.parameter_arns
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = [local.log_group_arns["journal"]]
  }

  statement {
    sid       = "AgentPresence"
    actions   = ["ssm:UpdateInstanceInformation"]
    resources = ["arn:${local.partition}:ec2:${var.region}:${local.account_id}:instance/*", "arn:${local.partition}:ssm:${var.region}:${local.account_id}:managed-instance/*"]
  }

  statement {
    sid = "AgentChannels"

    actions = [
      "ec2messages:AcknowledgeMessage",
      "ec2messages:DeleteMessage",
      "ec2messages:FailMessage",
      "ec2messages:GetEndpoint",
      "ec2messages:GetMessages",
      "ec2messages:SendReply",
      "ssm:ListAssociations",
      "ssm:ListInstanceAssociations",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]

    resources = ["*"]
  }
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["ec2", "ssm", "vpc-flow-logs"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }

    # Against a confused deputy: a service acting for another account.
    dynamic "condition" {
      for_each = each.key == "ec2" ? [] : [local.account_id]

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

################################################################################
# Flow logs
################################################################################

resource "aws_iam_role" "flow_logs" {
  name               = "${local.name}-flow-logs"
  assume_role_policy = data.aws_iam_policy_document.assume["vpc-flow-logs"].json
}

resource "aws_iam_role_policy" "flow_logs" {
  name   = "flow-logs"
  role   = aws_iam_role.flow_logs.id
  policy = data.aws_iam_policy_document.flow_logs.json
}

data "aws_iam_policy_document" "flow_logs" {
  # checkov:skip=CKV_AWS_356:DescribeLogGroups searches all groups for the one to write to
  statement {
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = [local.log_group_arns["flow"]]
  }

  statement {
    sid       = "FindGroup"
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"]
  }
}

################################################################################
# Automation: what the drain and undrain documents may do
################################################################################

resource "aws_iam_role" "automation" {
  name               = "${local.name}-automation"
  assume_role_policy = data.aws_iam_policy_document.assume["ssm"].json
}

resource "aws_iam_role_policy" "automation" {
  name   = "automation"
  role   = aws_iam_role.automation.id
  policy = data.aws_iam_policy_document.automation.json
}

data "aws_iam_policy_document" "automation" {
  # checkov:skip=CKV_AWS_356:DescribeAutoScalingInstances cannot be restricted to a resource
  statement {
    sid       = "Standby"
    actions   = ["autoscaling:EnterStandby", "autoscaling:ExitStandby"]
    resources = [local.group_arn]
  }

  statement {
    sid       = "Watch"
    actions   = ["autoscaling:DescribeAutoScalingInstances"]
    resources = ["*"]
  }
}

################################################################################
# People: attach "operator" and "rollback" to those on call, and also "shell" to those with break-glass access
################################################################################

resource "aws_iam_policy" "operator" {
  name        = "${local.name}-operator"
  description = "Run the documents of ${local.name} on its instances, and nothing else"
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

  # A restart takes an instance out of service for a moment, which must not get it replaced.
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
      # To cancel a command takes its id, which is random.
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
  description = "Follow, cancel and roll back a rollout of ${local.name}, and nothing else"
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
