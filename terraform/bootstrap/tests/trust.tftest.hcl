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
    error_message = "A role must know its workflow by both forms of the subject that GitHub issues, and no other workflow."
  }

  assert {
    condition = alltrue([
      for document in data.aws_iam_policy_document.assume : jsonencode({
        for condition in one(document.statement).condition : condition.variable => [condition.test, one(condition.values)] if !endswith(condition.variable, ":sub")
        }) == jsonencode({
        "token.actions.githubusercontent.com:aud"                 = ["StringEquals", "sts.amazonaws.com"]
        "token.actions.githubusercontent.com:repository_id"       = ["StringEquals", "456"]
        "token.actions.githubusercontent.com:repository_owner_id" = ["StringEquals", "123"]
      })
    ])
    error_message = "Whoever takes over the name of the repository or its owner must get no role."
  }
}

run "repository" {
  command = plan

  variables {
    repository = "octo-org/octo.repo"
  }

  expect_failures = [var.repository]
}
