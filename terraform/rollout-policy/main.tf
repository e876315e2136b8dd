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
    actions   = ["autoscaling:CancelInstanceRefresh", "autoscaling:RollbackInstanceRefresh"]
    resources = [local.group]
  }

  # Not the tags by which other policies know the group.
  statement {
    sid       = "Mark"
    actions   = ["autoscaling:CreateOrUpdateTags", "autoscaling:DeleteTags"]
    resources = [local.group]

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "aws:TagKeys"
      values   = ["previous-version", "rolled-back-release", "rollout-operator"]
    }
  }

  # Back to a version that is not the saved one: by the runbook's role. Whoever may launch from a template can give the
  # instance other user data, and be root where the service is.
  statement {
    sid     = "GoBack"
    actions = ["ssm:StartAutomationExecution"]

    # As for the operator's automations.
    resources = [
      "${local.ssm}:document/${var.name}-rollback",
      "${local.ssm}:automation-definition/${var.name}-rollback:*",
      "${local.ssm}:automation-execution/*",
    ]
  }

  statement {
    sid       = "RunbookRole"
    actions   = ["iam:PassRole"]
    resources = ["${local.arn}:iam::${local.account_id}:role/${var.name}-runbook"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ssm.amazonaws.com"]
    }
  }

  # What instances serve, and evidence from a failed one before it is gone.
  statement {
    sid       = "Documents"
    actions   = ["ssm:SendCommand"]
    resources = [for verb in ["bundle", "traffic"] : "${local.ssm}:document/${var.name}-${verb}"]
  }

  statement {
    sid       = "Instances"
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
    sid       = "Answers"
    actions   = ["ssm:CancelCommand", "ssm:GetAutomationExecution", "ssm:GetCommandInvocation", "ssm:ListCommandInvocations"]
    resources = ["*"]
  }
}

# Start a refresh to any version of the launch template. The runbook's role has this, and that of deploys.
data "aws_iam_policy_document" "launch" {
  statement {
    sid       = "StartRefresh"
    actions   = ["autoscaling:StartInstanceRefresh"]
    resources = [local.group]
  }

  # Auto Scaling checks that the caller could launch from the template itself. Where to and behind what, a version of it may
  # say, but only among what is the service's: not in the network of others.
  statement {
    sid       = "LaunchFromTemplate"
    actions   = ["ec2:RunInstances"]
    resources = [for kind in ["launch-template", "security-group", "subnet"] : "${local.ec2}:${kind}/*"]

    dynamic "condition" {
      for_each = var.tags

      content {
        test     = "StringEquals"
        variable = "ec2:ResourceTag/${condition.key}"
        values   = [condition.value]
      }
    }
  }

  # The image that the template names cannot be overridden.
  statement {
    sid       = "LaunchImage"
    actions   = ["ec2:RunInstances"]
    resources = ["${local.arn}:ec2:${var.region}::image/*"]

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

  # New, and with the service's tags: no network interface of others is taken, and no instance passes for one of theirs.
  statement {
    sid       = "LaunchWhatItMakes"
    actions   = ["ec2:RunInstances"]
    resources = [for kind in ["instance", "network-interface", "volume"] : "${local.ec2}:${kind}/*"]

    condition {
      test     = "ArnLike"
      variable = "ec2:LaunchTemplate"
      values   = ["${local.ec2}:launch-template/*"]
    }

    dynamic "condition" {
      for_each = var.tags

      content {
        test     = "StringEquals"
        variable = "aws:RequestTag/${condition.key}"
        values   = [condition.value]
      }
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

    dynamic "condition" {
      for_each = var.tags

      content {
        test     = "StringEquals"
        variable = "aws:RequestTag/${condition.key}"
        values   = [condition.value]
      }
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
}
