################################################################################
# GitHub workflows: no stored keys, a role for each task
################################################################################

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  # Who may assume a role, by the subject of GitHub's token. No pull requests: planning reads the state.
  subjects = {
    plan   = ["repo:${var.repository}:ref:refs/heads/main"]
    bake   = ["repo:${var.repository}:ref:refs/heads/main", "repo:${var.repository}:ref:refs/tags/v*"]
    deploy = ["repo:${var.repository}:environment:${var.environment}"]
    # An environment of its own: going back must not wait for a reviewer of deploys.
    rollback = ["repo:${var.repository}:environment:${var.environment}-rollback"]
  }
}

data "aws_iam_policy_document" "assume" {
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "token.actions.githubusercontent.com:sub"
      values   = each.value
    }
  }
}

resource "aws_iam_role" "github" {
  for_each = local.subjects

  name                 = "${local.name}-github-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.assume[each.key].json
  max_session_duration = 7200
}

resource "aws_iam_role_policy" "plan" {
  for_each = toset(["plan", "deploy"])

  name   = "plan"
  role   = aws_iam_role.github[each.key].id
  policy = data.aws_iam_policy_document.plan.json
}

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.github["deploy"].id
  policy = data.aws_iam_policy_document.deploy.json
}

resource "aws_iam_role_policy" "rollback" {
  name   = "rollback"
  role   = aws_iam_role.github["rollback"].id
  policy = module.rollout_policy.json
}

resource "aws_iam_role_policy" "bake" {
  name   = "bake"
  role   = aws_iam_role.github["bake"].id
  policy = data.aws_iam_policy_document.bake.json
}
