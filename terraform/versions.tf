terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }

  # scripts/rollout sets these on the group; an apply must not remove them.
  ignore_tags {
    keys = ["previous-version", "rolled-back-release", "rollout-operator"]
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_availability_zones" "available" {
  # checkov:skip=CKV_AWS_394:only the first zones of the sorted list are used, so that a new one changes nothing
  state = "available"
  # Where MemoryDB is not (MemoryDB Developer Guide, "Subnets and subnet groups").
  exclude_zone_ids = ["apne1-az3", "cac1-az3", "use1-az3"]

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  package    = jsondecode(file("${path.module}/../package.json"))
  service    = local.package.name
  name       = "${local.service}-${var.environment}"
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  # By id: what a name such as eu-west-1a means differs from account to account.
  zones = slice(sort(data.aws_availability_zones.available.zone_ids), 0, var.zone_count)
  port  = local.package.config.port

  tags = {
    service     = local.service
    environment = var.environment
  }
}
