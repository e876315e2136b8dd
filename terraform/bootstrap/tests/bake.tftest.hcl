# What the role of the bake can launch, and where. Plan only.
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

run "in_the_default_network" {
  command = plan

  # RunInstances is allowed if each resource it touches is: these are all that AWS knows for a launch without a template.
  assert {
    condition = jsonencode({
      for statement in data.aws_iam_policy_document.bake.statement :
      join(" ", sort([for arn in statement.resources : split("/", element(split(":", arn), -1))[0]])) =>
      flatten([for condition in statement.condition : [condition.test, condition.variable, condition.values]])
      if contains(statement.actions, "ec2:RunInstances")
      }) == jsonencode({
      "image snapshot"           = ["StringEquals", "ec2:Owner", "amazon"]
      "instance volume"          = ["StringLike", "aws:RequestTag/Name", "packer ${local.service} *"]
      "key-pair security-group"  = ["StringLike", "ec2:ResourceTag/Name", "packer ${local.service} *"]
      "network-interface subnet" = ["ArnEquals", "ec2:Vpc", "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-bake"]
    })
    error_message = "A bake must launch one of Amazon's images, under its own name, with its own key and group, in the network for bakes."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.bake.statement :
      contains(statement.resources, "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-bake") && !anytrue([for arn in statement.resources : endswith(arn, "vpc/*")])
      if contains(statement.actions, "ec2:CreateSecurityGroup")
    ])
    error_message = "A bake must make its security group in the network for bakes."
  }
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
