# Whom the workflow roles trust. Plan only.
mock_provider "aws" {
  source          = "../tests/mocks"
  override_during = plan
}

variables {
  repository = "octo-org@123/octo.repo@456"
}

run "by_name_and_number" {
  command = plan

  assert {
    condition = jsonencode({
      for role, document in data.aws_iam_policy_document.assume : role => flatten([
        for condition in one(document.statement).condition : sort(condition.values) if endswith(condition.variable, ":sub")
      ])
      }) == jsonencode({
      bake     = ["repo:octo-org/octo.repo:ref:refs/heads/main", "repo:octo-org@123/octo.repo@456:ref:refs/heads/main"]
      deploy   = ["repo:octo-org/octo.repo:environment:production", "repo:octo-org@123/octo.repo@456:environment:production"]
      plan     = ["repo:octo-org/octo.repo:ref:refs/heads/main", "repo:octo-org@123/octo.repo@456:ref:refs/heads/main"]
      rollback = ["repo:octo-org/octo.repo:environment:production-rollback", "repo:octo-org@123/octo.repo@456:environment:production-rollback"]
    })
    error_message = "A role must know its context by both forms of the subject that GitHub issues, and no other."
  }

  assert {
    condition = alltrue([
      for document in data.aws_iam_policy_document.assume : jsonencode({
        for condition in one(document.statement).condition : condition.variable => [condition.test, one(condition.values)] if length(condition.values) == 1 && !endswith(condition.variable, ":job_workflow_ref")
        }) == jsonencode({
        "token.actions.githubusercontent.com:aud"                 = ["StringEquals", "sts.amazonaws.com"]
        "token.actions.githubusercontent.com:ref"                 = ["StringEquals", "refs/heads/main"]
        "token.actions.githubusercontent.com:repository_id"       = ["StringEquals", "456"]
        "token.actions.githubusercontent.com:repository_owner_id" = ["StringEquals", "123"]
      })
    ])
    error_message = "Whoever takes over the name of the repository or its owner must get no role, and no other branch either."
  }

  assert {
    condition = jsonencode({
      for role, document in data.aws_iam_policy_document.assume : role => flatten([
        for condition in one(document.statement).condition : condition.values if condition.test == "StringEquals" && endswith(condition.variable, ":job_workflow_ref")
      ])
      }) == jsonencode({
      bake     = ["octo-org/octo.repo/.github/workflows/bake-image.yml@refs/heads/main"]
      deploy   = ["octo-org/octo.repo/.github/workflows/deploy.yml@refs/heads/main"]
      plan     = ["octo-org/octo.repo/.github/workflows/deploy.yml@refs/heads/main", "octo-org/octo.repo/.github/workflows/doctor.yml@refs/heads/main"]
      rollback = ["octo-org/octo.repo/.github/workflows/rollback.yml@refs/heads/main"]
    })
    error_message = "A role must know its workflow, as it is on main: another one could do with it what it likes."
  }

  assert {
    condition     = output.workflows == "account=123456789012\nregion=eu-west-1\nroles=arn:aws:iam::123456789012:role/${local.name}-github-\n"
    error_message = "The workflows find their roles by this output."
  }
}

run "repository" {
  command = plan

  variables {
    repository = "octo-org/octo.repo"
  }

  expect_failures = [var.repository]
}
