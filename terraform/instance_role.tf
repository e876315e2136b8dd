locals {
  log_group_arns = { for key, group in aws_cloudwatch_log_group.main : key => "${group.arn}:*" }
  group_arn      = "arn:${local.partition}:autoscaling:${var.region}:${local.account_id}:autoScalingGroup:*:autoScalingGroupName/${local.name}"

  ssm_arn = "arn:${local.partition}:ssm:${var.region}:${local.account_id}"

  parameter_arns = [
    for name in concat([local.password_parameter], var.auth == "tokens" ? [local.tokens_parameter] : []) :
    "arn:${local.partition}:ssm:${var.region}:${local.account_id}:parameter${name}"
  ]
}

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
