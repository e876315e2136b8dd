################################################################################
# GitHub workflows: no stored keys, a role for each task
################################################################################

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  # What may assume a role: a workflow of main, by the context in the subject of GitHub's token. No pull requests: planning
  # reads the state. No tags: anyone who may push could make one.
  trusted = {
    plan   = { context = "ref:refs/heads/main", workflows = ["deploy", "doctor"] }
    bake   = { context = "ref:refs/heads/main", workflows = ["bake-image"] }
    deploy = { context = "environment:${var.environment}", workflows = ["deploy"] }
    # An environment of its own: going back must not wait for a reviewer of deploys.
    rollback = { context = "environment:${var.environment}-rollback", workflows = ["rollback"] }
  }

  # Repositories older than July 2026 have subjects without the numbers.
  repository_names = [replace(var.repository, "/@[0-9]+/", ""), var.repository]
  repository_ids   = regex("@(?P<repository_owner_id>[0-9]+)/.*@(?P<repository_id>[0-9]+)$", var.repository)
}

data "aws_iam_policy_document" "assume" {
  for_each = local.trusted

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
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = [for name in local.repository_names : "repo:${name}:${each.value.context}"]
    }

    # Whatever the environments of GitHub allow.
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:ref"
      values   = ["refs/heads/main"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:job_workflow_ref"
      values   = [for workflow in each.value.workflows : "${local.repository_names[0]}/.github/workflows/${workflow}.yml@refs/heads/main"]
    }

    # A name can pass to somebody else, a number cannot.
    dynamic "condition" {
      for_each = local.repository_ids

      content {
        test     = "StringEquals"
        variable = "token.actions.githubusercontent.com:${condition.key}"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_role" "github" {
  for_each = local.trusted

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
