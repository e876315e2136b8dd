mock_provider "aws" {
  source = "./tests/mocks"
}

run "first" {
  override_resource {
    target = terraform_data.rollout
    values = {}
  }

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
}
