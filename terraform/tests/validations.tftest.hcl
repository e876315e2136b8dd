# Each variable with a validation rejects an invalid value. test/road/terraform/terraform.test.ts checks the messages.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  release = "1111111111111111111111111111111111111111"
  ami_id  = "ami-11111111111111111"
}

run "release" {
  command = plan

  variables {
    release = "main"
  }

  expect_failures = [var.release]
}

run "ami_id" {
  command = plan

  variables {
    ami_id = "resolve:ssm:/aws/service/ami"
  }

  expect_failures = [var.ami_id]
}

run "environment" {
  command = plan

  variables {
    environment = "Production"
  }

  expect_failures = [var.environment]
}

run "region" {
  command = plan

  variables {
    region = "Ireland"
  }

  expect_failures = [var.region]
}

run "zone_count" {
  command = plan

  variables {
    zone_count = 1
  }

  expect_failures = [var.zone_count]
}

run "internet" {
  command = plan

  variables {
    internet = "yes"
  }

  expect_failures = [var.internet]
}

run "vpc_cidr" {
  command = plan

  variables {
    vpc_cidr = "10.0.0.0/28"
  }

  expect_failures = [var.vpc_cidr]
}

run "domain" {
  command = plan

  variables {
    domain = "https://www.example.com/"
  }

  expect_failures = [var.domain]
}

run "zone_id" {
  command = plan

  variables {
    zone_id = "Z0123456789ABCDEFGHIJ"
  }

  expect_failures = [var.zone_id]
}

run "ingress_cidrs" {
  command = plan

  variables {
    ingress_cidrs = []
  }

  expect_failures = [var.ingress_cidrs]
}

run "waf_rate_limit" {
  command = plan

  variables {
    waf_rate_limit = 100
  }

  expect_failures = [var.waf_rate_limit]
}

run "instance_type" {
  command = plan

  variables {
    instance_type = "small"
  }

  expect_failures = [var.instance_type]
}

run "min_size" {
  command = plan

  variables {
    min_size = 1
  }

  expect_failures = [var.min_size]
}

run "max_size" {
  command = plan

  variables {
    max_size = 2
  }

  expect_failures = [var.max_size]
}

run "cpu_target_percent" {
  command = plan

  variables {
    cpu_target_percent = 95
  }

  expect_failures = [var.cpu_target_percent]
}

run "requests_per_target" {
  command = plan

  variables {
    requests_per_target = 1
  }

  expect_failures = [var.requests_per_target]
}

run "auth" {
  command = plan

  variables {
    auth = "password"
  }

  expect_failures = [var.auth]
}

run "timezone" {
  command = plan

  variables {
    timezone = "Europe Berlin"
  }

  expect_failures = [var.timezone]
}

run "log_level" {
  command = plan

  variables {
    log_level = "loud"
  }

  expect_failures = [var.log_level]
}

run "store_engine" {
  command = plan

  variables {
    store_engine = "mysql"
  }

  expect_failures = [var.store_engine]
}

run "store_node_type" {
  command = plan

  variables {
    store_node_type = "cache.t4g.small"
  }

  expect_failures = [var.store_node_type]
}

run "store_shards" {
  command = plan

  variables {
    store_shards = 0
  }

  expect_failures = [var.store_shards]
}

run "store_replicas" {
  command = plan

  variables {
    store_replicas = 0
  }

  expect_failures = [var.store_replicas]
}

run "store_wait_replicas" {
  command = plan

  variables {
    store_wait_replicas = 1
  }

  expect_failures = [var.store_wait_replicas]
}

run "store_snapshot_days" {
  command = plan

  variables {
    store_snapshot_days = 0
  }

  expect_failures = [var.store_snapshot_days]
}

run "log_retention_days" {
  command = plan

  variables {
    log_retention_days = 42
  }

  expect_failures = [var.log_retention_days]
}

run "alarm_email" {
  command = plan

  variables {
    alarm_email = "ops"
  }

  expect_failures = [var.alarm_email]
}

run "alarm_p99_seconds" {
  command = plan

  variables {
    alarm_p99_seconds = 30
  }

  expect_failures = [var.alarm_p99_seconds]
}
