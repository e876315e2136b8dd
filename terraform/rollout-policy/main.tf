# Follow, cancel, and roll back a rollout. The root module gives this to people, bootstrap to workflows.
data "aws_iam_policy_document" "rollout" {
  # checkov:skip=CKV_AWS_356:describe actions, and reading the result of a command, cannot be restricted to a resource
  statement {
    sid = "Watch"

    actions = [
      "autoscaling:DescribeAutoScalingGroups",
      "autoscaling:DescribeInstanceRefreshes",
      "autoscaling:DescribeScalingActivities",
      "ec2:DescribeImages",
      "ec2:DescribeInstances",
      "ec2:DescribeLaunchTemplateVersions",
      "elasticloadbalancing:DescribeListeners",
      "elasticloadbalancing:DescribeLoadBalancers",
      "elasticloadbalancing:DescribeTargetGroups",
      "elasticloadbalancing:DescribeTargetHealth",
    ]

    resources = ["*"]
  }

  statement {
    sid       = "Refresh"
    actions   = ["autoscaling:CancelInstanceRefresh", "autoscaling:RollbackInstanceRefresh", "autoscaling:StartInstanceRefresh"]
    resources = ["${local.arn}:autoscaling:${var.region}:${local.account_id}:autoScalingGroup:*:autoScalingGroupName/${var.name}"]
  }

  # Not the tags by which other policies know the group.
  statement {
    sid       = "Mark"
    actions   = ["autoscaling:CreateOrUpdateTags", "autoscaling:DeleteTags"]
    resources = ["${local.arn}:autoscaling:${var.region}:${local.account_id}:autoScalingGroup:*:autoScalingGroupName/${var.name}"]

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "aws:TagKeys"
      values   = ["previous-version", "rolled-back-release", "rollout-operator"]
    }
  }

  # Auto Scaling checks that the caller could launch from the template itself.
  statement {
    sid       = "LaunchFromTemplate"
    actions   = ["ec2:RunInstances"]
    resources = ["${local.ec2}:launch-template/*"]

    dynamic "condition" {
      for_each = var.tags

      content {
        test     = "StringEquals"
        variable = "ec2:ResourceTag/${condition.key}"
        values   = [condition.value]
      }
    }
  }

  # What the template names cannot be overridden.
  statement {
    sid       = "LaunchWhatItNames"
    actions   = ["ec2:RunInstances"]
    resources = ["${local.arn}:ec2:${var.region}::image/*", "${local.ec2}:security-group/*"]

    condition {
      test     = "ArnLike"
      variable = "ec2:LaunchTemplate"
      values   = ["${local.ec2}:launch-template/*"]
    }

    condition {
      test     = "Bool"
      variable = "ec2:IsLaunchTemplateResource"
      values   = ["true"]
    }
  }

  # The subnet comes from the group.
  statement {
    sid       = "LaunchWhatItLeavesOpen"
    actions   = ["ec2:RunInstances"]
    resources = [for kind in ["instance", "network-interface", "subnet", "volume"] : "${local.ec2}:${kind}/*"]

    condition {
      test     = "ArnLike"
      variable = "ec2:LaunchTemplate"
      values   = ["${local.ec2}:launch-template/*"]
    }
  }

  statement {
    sid       = "TagAtLaunch"
    actions   = ["ec2:CreateTags"]
    resources = [for kind in ["instance", "network-interface", "volume"] : "${local.ec2}:${kind}/*"]

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["RunInstances"]
    }
  }

  statement {
    sid       = "InstanceRole"
    actions   = ["iam:PassRole"]
    resources = ["${local.arn}:iam::${local.account_id}:role/${var.name}-instance"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com"]
    }
  }

  # Evidence from a failed instance, before it is gone.
  statement {
    sid       = "EvidenceDocument"
    actions   = ["ssm:SendCommand"]
    resources = ["${local.arn}:ssm:${var.region}:${local.account_id}:document/${var.name}-bundle"]
  }

  statement {
    sid       = "EvidenceInstances"
    actions   = ["ssm:SendCommand"]
    resources = ["${local.ec2}:instance/*"]

    dynamic "condition" {
      for_each = var.tags

      content {
        test     = "StringEquals"
        variable = "ssm:resourceTag/${condition.key}"
        values   = [condition.value]
      }
    }
  }

  statement {
    sid       = "EvidenceAnswers"
    actions   = ["ssm:GetCommandInvocation", "ssm:ListCommandInvocations"]
    resources = ["*"]
  }
}
