################################################################################
# The builder's own instance profile: Session Manager, and nothing else
################################################################################

resource "aws_iam_role" "bake" {
  name               = "${local.service}-bake"
  assume_role_policy = data.aws_iam_policy_document.ec2.json
}

resource "aws_iam_instance_profile" "bake" {
  name = "${local.service}-bake"
  role = aws_iam_role.bake.name
}

resource "aws_iam_role_policy" "bake_agent" {
  name   = "agent"
  role   = aws_iam_role.bake.id
  policy = data.aws_iam_policy_document.agent.json
}

data "aws_iam_policy_document" "ec2" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "agent" {
  # checkov:skip=CKV_AWS_111:the agent's channels cannot be restricted to a resource
  # checkov:skip=CKV_AWS_356:the agent's channels cannot be restricted to a resource
  statement {
    sid       = "AgentPresence"
    actions   = ["ssm:UpdateInstanceInformation"]
    resources = ["${local.ec2}:instance/*"]
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
