################################################################################
# Deploy: a new launch template version and its rollout. Everything else in the root module is left to administrators.
################################################################################

data "aws_iam_policy_document" "deploy" {
  statement {
    sid       = "State"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.state.arn}/${local.name}.tfstate"]
  }

  statement {
    sid       = "LaunchTemplate"
    actions   = ["ec2:CreateLaunchTemplateVersion"]
    resources = ["${local.arn}:ec2:${var.region}:${local.account_id}:launch-template/*"]

    condition {
      test     = "StringEquals"
      variable = "ec2:ResourceTag/service"
      values   = [local.service]
    }

    condition {
      test     = "StringEquals"
      variable = "ec2:ResourceTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid = "Rollout"

    actions = [
      "autoscaling:CancelInstanceRefresh",
      "autoscaling:CreateOrUpdateTags",
      "autoscaling:DeleteTags",
      "autoscaling:RollbackInstanceRefresh",
      "autoscaling:StartInstanceRefresh",
    ]

    resources = ["${local.arn}:autoscaling:${var.region}:${local.account_id}:autoScalingGroup:*:autoScalingGroupName/${local.name}"]
  }

  # Auto Scaling checks that the caller could launch from the template itself.
  statement {
    sid       = "LaunchFromTemplate"
    actions   = ["ec2:RunInstances"]
    resources = ["${local.ec2}:launch-template/*"]

    condition {
      test     = "StringEquals"
      variable = "ec2:ResourceTag/service"
      values   = [local.service]
    }

    condition {
      test     = "StringEquals"
      variable = "ec2:ResourceTag/environment"
      values   = [var.environment]
    }
  }

  # What the template names cannot be overridden.
  statement {
    sid       = "LaunchWhatItNames"
    actions   = ["ec2:RunInstances"]
    resources = [local.ec2_image, "${local.ec2}:security-group/*"]

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
    resources = ["${local.arn}:iam::${local.account_id}:role/${local.name}-instance"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com"]
    }
  }

  # Evidence from a failed instance, before it is gone.
  statement {
    sid       = "EvidenceDocuments"
    actions   = ["ssm:SendCommand"]
    resources = [for verb in ["bundle", "logs", "status"] : "${local.arn}:ssm:${var.region}:${local.account_id}:document/${local.name}-${verb}"]
  }

  statement {
    sid       = "EvidenceInstances"
    actions   = ["ssm:SendCommand"]
    resources = ["${local.arn}:ec2:${var.region}:${local.account_id}:instance/*"]

    condition {
      test     = "StringEquals"
      variable = "ssm:resourceTag/service"
      values   = [local.service]
    }

    condition {
      test     = "StringEquals"
      variable = "ssm:resourceTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid       = "EvidenceAnswers"
    actions   = ["ssm:GetCommandInvocation"]
    resources = ["${local.arn}:ssm:${var.region}:${local.account_id}:*"]
  }
}
