################################################################################
# Deploy: a new launch template version, and its rollout. Everything else of the root module is an administrator's.
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
      values   = ["hello"]
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

  # Auto Scaling asks whether the caller could launch from the template itself.
  statement {
    sid     = "Launch"
    actions = ["ec2:CreateTags", "ec2:RunInstances"]

    resources = concat(
      ["${local.arn}:ec2:${var.region}::image/*"],
      [for kind in ["instance", "launch-template", "network-interface", "security-group", "subnet", "volume"] : "${local.arn}:ec2:${var.region}:${local.account_id}:${kind}/*"],
    )

    condition {
      test     = "ArnLikeIfExists"
      variable = "ec2:LaunchTemplate"
      values   = ["${local.arn}:ec2:${var.region}:${local.account_id}:launch-template/*"]
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

  # What a failed instance has to say, before it is gone.
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
      values   = ["hello"]
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
