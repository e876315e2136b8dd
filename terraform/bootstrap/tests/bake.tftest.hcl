# Where the role of the bake can launch. Plan only; what else it may do is simulated in test/road/terraform.
mock_provider "aws" {
  source          = "../tests/mocks"
  override_during = plan
}

override_data {
  target = data.aws_vpc.bake
  values = { arn = "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-bake" }
}

variables {
  repository = "octo-org@123/octo.repo@456"
}

run "in_a_subnet" {
  command = plan

  variables {
    bake_subnet_id = "subnet-0123456789abcdef0"
  }

  assert {
    condition = anytrue([
      for statement in data.aws_iam_policy_document.bake.statement :
      contains(statement.resources, "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-0123456789abcdef0")
      if statement.sid == "LaunchInBakeNetwork"
    ])
    error_message = "A bake must launch in the subnet that was chosen for it."
  }
}

run "bake_subnet_id" {
  command = plan

  variables {
    bake_subnet_id = "vpc-0123456789abcdef0"
  }

  expect_failures = [var.bake_subnet_id]
}
