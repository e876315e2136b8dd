################################################################################
# Deploy: a new launch template version and its rollout. Everything else in the root module is left to administrators.
################################################################################

module "rollout_policy" {
  source = "../rollout-policy"
  name   = local.name
  region = var.region

  tags = {
    service     = local.service
    environment = var.environment
  }
}

data "aws_iam_policy_document" "deploy" {
  source_policy_documents = [module.rollout_policy.json, module.rollout_policy.launch_json]

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
}
