# How the service is reached, and reaches others. Plan only, as in invariants.tftest.hcl.
mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  environment = "mocked"
  region      = "xx-mock-1"
  release     = "1111111111111111111111111111111111111111"
  ami_id      = "ami-11111111111111111"
}

run "https" {
  command = plan

  variables {
    domain  = "www.example.com"
    zone_id = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition     = aws_lb_listener.https[0].port == 443 && strcontains(aws_lb_listener.https[0].ssl_policy, "TLS13") && one(aws_lb_listener.redirect[0].default_action).type == "redirect"
    error_message = "With a domain, HTTPS is served with a TLS 1.3 policy, and HTTP redirects to it."
  }

  assert {
    condition     = length(aws_lb_listener.plain) == 0 && output.url == "https://www.example.com" && output.warning == null
    error_message = "With a domain, nothing is served in plain text."
  }

  assert {
    condition     = length(aws_route53_record.validation) == 1 && length(aws_route53_record.main) == 1 && length(output.certificate_records) + length(output.dns_records) == 0
    error_message = "With a zone, the records are created."
  }
}

run "https_without_zone" {
  command = plan

  variables {
    domain = "www.example.com"
  }

  assert {
    condition     = output.dns_records == tolist(["www.example.com CNAME lb.elb.example"]) && length(output.certificate_records) == 1
    error_message = "Without a zone, the outputs list the records to create."
  }
}

run "way_out" {
  command = plan

  variables {
    internet   = "nat"
    zone_count = 3
  }

  assert {
    condition     = length(aws_nat_gateway.nat) == 3 && length(aws_route.nat) == 3
    error_message = "With nat, each zone has its own gateway."
  }
}

run "public" {
  command = plan

  variables {
    internet = "public"
  }

  override_resource {
    target          = aws_subnet.public["euw1-az1"]
    values          = { id = "subnet-1" }
    override_during = plan
  }

  override_resource {
    target          = aws_subnet.public["euw1-az2"]
    values          = { id = "subnet-2" }
    override_during = plan
  }

  override_resource {
    target          = aws_security_group.load_balancer
    values          = { id = "sg-1" }
    override_during = plan
  }

  assert {
    condition = (
      one(aws_launch_template.main.network_interfaces).associate_public_ip_address == "true" &&
      aws_autoscaling_group.main.vpc_zone_identifier == toset(["subnet-1", "subnet-2"]) &&
      length(aws_vpc_endpoint.interface) + length(aws_nat_gateway.nat) == 0
    )
    error_message = "Without endpoints, instances need public addresses, in subnets of two zones with a route to the internet."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.instances_from_load_balancer.cidr_ipv4 == null &&
      aws_vpc_security_group_ingress_rule.instances_from_load_balancer.referenced_security_group_id == "sg-1" &&
      [for rule in aws_vpc_security_group_egress_rule.instances_to_internet : rule.from_port] == [443]
    )
    error_message = "A public address must let in the load balancer only, and out to port 443."
  }
}

run "china" {
  command = plan

  variables {
    region = "cn-north-1"
  }

  expect_failures = [var.region]
}

run "sovereign_cloud" {
  command = plan

  variables {
    region = "eusc-de-east-1"
  }
}
