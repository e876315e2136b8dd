# What a bump plans. Not among the tests of the configuration, because "first" is applied: that runs scripts/rollout,
# which the Workspace stubs, and creates a store, which overrides allow to be destroyed.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment = "mocked"
  region      = "xx-mock-1"
}

run "first" {
  variables {
    release = "1111111111111111111111111111111111111111"
    ami_id  = "ami-11111111111111111"
  }
}

run "bump" {
  command = plan

  variables {
    release = "2222222222222222222222222222222222222222"
    ami_id  = "ami-22222222222222222"
  }

  assert {
    condition     = aws_launch_template.main.image_id == "ami-22222222222222222"
    error_message = "The launch template does not use the new image."
  }

  assert {
    condition     = one(aws_autoscaling_group.main.launch_template).version == "1"
    error_message = "The group gets the new version at once; only the rollout may change it."
  }
}

run "unchanged" {
  command = plan

  variables {
    release = "1111111111111111111111111111111111111111"
    ami_id  = "ami-11111111111111111"
  }
}

run "retry" {
  command = plan

  variables {
    release           = "1111111111111111111111111111111111111111"
    ami_id            = "ami-11111111111111111"
    retry_rolled_back = true
  }
}
