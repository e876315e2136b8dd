# What must hold whatever else changes. Plan only: an apply would run scripts/rollout, and a store cannot be destroyed.
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

run "defaults" {
  command = plan

  assert {
    condition = (
      aws_lb.main.idle_timeout == 60 &&
      tonumber(aws_lb_target_group.main.deregistration_delay) == 30 &&
      one(aws_lb_target_group.main.health_check).path == "/hc" &&
      one(aws_lb_target_group.main.health_check).interval == 5 &&
      one(aws_lb_target_group.main.health_check).timeout == 3 &&
      one(aws_lb_target_group.main.health_check).healthy_threshold == 2 &&
      one(aws_lb_target_group.main.health_check).unhealthy_threshold == 3 &&
      aws_autoscaling_group.main.health_check_grace_period == 120 &&
      aws_autoscaling_group.main.default_instance_warmup == 60
    )
    error_message = "A timeout differs from the design; see src/config/timeouts.ts before changing it."
  }

  assert {
    condition     = aws_autoscaling_group.main.health_check_type == "ELB"
    error_message = "An instance whose service is dead would never be replaced."
  }

  assert {
    condition = (
      one(aws_autoscaling_group.main.instance_maintenance_policy).min_healthy_percentage == 100 &&
      one(aws_autoscaling_group.main.instance_maintenance_policy).max_healthy_percentage == 200
    )
    error_message = "A replacement must be in service before the old instance is taken out."
  }

  assert {
    condition     = can(tonumber(one(aws_autoscaling_group.main.launch_template).version))
    error_message = "The launch template version must be a number: with $Latest no refresh starts or rolls back."
  }

  assert {
    condition     = length(aws_autoscaling_group.main.instance_refresh) == 0
    error_message = "The rollout starts the refresh; the group's own block would roll back to the bad version."
  }

  assert {
    condition     = aws_launch_template.main.key_name == null && !one(aws_launch_template.main.network_interfaces).associate_public_ip_address
    error_message = "No key pair and no public address: operations go through SSM."
  }

  assert {
    condition = (
      one(aws_launch_template.main.metadata_options).http_tokens == "required" &&
      one(aws_launch_template.main.metadata_options).http_put_response_hop_limit == 1 &&
      one(one(aws_launch_template.main.block_device_mappings).ebs).encrypted == "true" &&
      one(aws_launch_template.main.monitoring).enabled
    )
    error_message = "Instances need IMDSv2 at hop limit 1, an encrypted volume and detailed monitoring."
  }

  assert {
    condition     = alltrue([for each in aws_launch_template.main.tag_specifications : each.tags.release == var.release && each.tags.service == local.service])
    error_message = "Instances and their volumes must carry the release and the service as tags."
  }

  assert {
    condition = alltrue([
      for rule in concat(
        values(aws_vpc_security_group_ingress_rule.callers),
        [
          aws_vpc_security_group_ingress_rule.instances_from_load_balancer,
          aws_vpc_security_group_ingress_rule.endpoints_from_instances,
          aws_vpc_security_group_ingress_rule.store_from_instances,
        ],
      ) : rule.ip_protocol == "tcp" && rule.from_port == rule.to_port && rule.from_port != 22
    ])
    error_message = "Each rule allows one port, and none of them is 22."
  }

  assert {
    condition     = length(aws_default_security_group.closed.ingress) == 0 && length(aws_default_security_group.closed.egress) == 0
    error_message = "The default security group must stay closed."
  }

  assert {
    condition     = !strcontains(base64decode(aws_launch_template.main.user_data), data.aws_ssm_parameter.redis_password.value)
    error_message = "The user data contains the store password; it may only reference it."
  }

  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.rollout), values(aws_cloudwatch_metric_alarm.store_replication), aws_cloudwatch_metric_alarm.credits, [aws_cloudwatch_metric_alarm.balancer]) : alarm.treat_missing_data == "notBreaching"])
    error_message = "An alarm goes off when there is no data: a quiet night would fail a rollout."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.store_memory : alarm.treat_missing_data == "breaching"])
    error_message = "Nobody would hear that a node of the store is missing, or that its alarm has the wrong dimensions."
  }

  assert {
    condition     = alltrue([for group in concat(values(aws_cloudwatch_log_group.main), aws_cloudwatch_log_group.waf) : group.retention_in_days == 90])
    error_message = "Logs are kept for 90 days: long enough to look into an incident, and what the README's costs are of."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.rollout["unhealthy-hosts"].statistic == "Maximum"
    error_message = "The minimum over the load balancer's nodes is 0 while one of them sees no unhealthy instance."
  }

  assert {
    condition     = length(local.rollout_alarms) == length(aws_cloudwatch_metric_alarm.rollout) + 1 && length(local.rollout_alarms) <= 10
    error_message = "An instance refresh takes at most ten alarms, and must have that of the load balancer."
  }

  assert {
    condition = toset(flatten([
      for query in aws_cloudwatch_metric_alarm.balancer.metric_query : [for metric in query.metric : metric.metric_name]
    ])) == toset(["HTTPCode_ELB_502_Count", "HTTPCode_ELB_503_Count", "HTTPCode_ELB_504_Count"])
    error_message = "The alarm of the load balancer must count what a target can cause: a caller can provoke 501 and 505, and stop a rollout."
  }

  assert {
    condition = (
      flatten([for rule in values(aws_lb_listener_rule.methods) : [for condition in rule.condition : [for methods in condition.http_request_method : sort(methods.values)]]]) == ["DELETE", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST"] &&
      alltrue([for rule in values(aws_lb_listener_rule.methods) : one(rule.action).type == "forward"]) &&
      one(aws_lb_listener.plain[0].default_action).type == "fixed-response" &&
      one(one(aws_lb_listener.plain[0].default_action).fixed_response).status_code == "405"
    )
    error_message = "A method that the runtime does not know must be answered by the load balancer: the runtime closes the connection, which counts as a 502."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.credits) == 1
    error_message = "Nobody would hear that bursting costs more than the instances."
  }

  assert {
    condition     = contains(data.aws_availability_zones.available.exclude_zone_ids, "use1-az3")
    error_message = "MemoryDB is not in every zone; in one without it the store's subnet group cannot be made."
  }

  assert {
    condition = (
      jsondecode(aws_cloudwatch_event_rule.refreshes.event_pattern) == {
        source = ["aws.autoscaling"]
        detail-type = [
          "EC2 Auto Scaling Instance Refresh Failed",
          "EC2 Auto Scaling Instance Refresh Cancelled",
          "EC2 Auto Scaling Instance Refresh Rollback Started",
          "EC2 Auto Scaling Instance Refresh Rollback Succeeded",
          "EC2 Auto Scaling Instance Refresh Rollback Failed",
        ]
        detail = { AutoScalingGroupName = [aws_autoscaling_group.main.name] }
      } &&
      aws_cloudwatch_event_target.refreshes.rule == aws_cloudwatch_event_rule.refreshes.name &&
      aws_cloudwatch_event_target.refreshes.arn == aws_sns_topic.alarms.arn
    )
    error_message = "The alarm topic must hear of every refresh of this group that did not end well; the names are AWS's."
  }

  assert {
    condition = alltrue([
      for transformer in aws_cloudwatch_event_target.refreshes.input_transformer :
      toset(flatten(regexall("<(\\w+)>", transformer.input_template))) == toset(keys(transformer.input_paths)) &&
      strcontains(jsondecode(transformer.input_template), "scripts/rollout status --group <group>")
    ])
    error_message = "The message must be one JSON string that uses each path, and give the command that shows more."
  }

  assert {
    condition = {
      for statement in data.aws_iam_policy_document.alarm_topic.statement :
      one(one(statement.principals).identifiers) => [for condition in statement.condition : condition.variable]
      if contains(statement.actions, "sns:Publish")
      } == {
      "arn:aws:iam::123456789012:root" = []
      "cloudwatch.amazonaws.com"       = ["aws:SourceAccount"]
      "events.amazonaws.com"           = []
    }
    error_message = "The account, its alarms and EventBridge publish to the alarm topic; EventBridge sends nothing that a condition could check."
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.key.statement : one(statement.actions) if statement.sid == "Account"] == ["kms:*"]
    error_message = "The account must be able to give every use of its key: what the key's policy leaves out, nobody can be given."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.key.statement :
      toset(statement.actions) == toset(["kms:Decrypt", "kms:GenerateDataKey"]) &&
      [for condition in statement.condition : [condition.variable, one(condition.values)]] == [["kms:EncryptionContext:aws:sns:topicArn", "arn:aws:sns:xx-mock-1:123456789012:${aws_sns_topic.alarms.name}"]]
      if statement.sid == "Events"
    ]) && anytrue([for statement in data.aws_iam_policy_document.key.statement : contains(one(statement.principals).identifiers, "events.amazonaws.com")])
    error_message = "EventBridge may use the key for the alarm topic; with aws:SourceAccount or aws:SourceArn, AWS would refuse it."
  }

  assert {
    condition     = length(aws_memorydb_cluster.main) == 1 && length(aws_elasticache_replication_group.main) == 0 && aws_memorydb_cluster.main[0].tls_enabled && aws_memorydb_cluster.main[0].snapshot_retention_limit > 0
    error_message = "By default the store is MemoryDB, with TLS and snapshots."
  }

  assert {
    condition     = !aws_memorydb_cluster.main[0].auto_minor_version_upgrade && endswith(aws_memorydb_cluster.main[0].final_snapshot_name, "-final-0123456789abcdef0")
    error_message = "AWS must not move the store's version, for which every later plan would replace it, and the final snapshot's name must be free."
  }

  assert {
    condition     = length(aws_nat_gateway.nat) == 0 && sort(keys(aws_vpc_endpoint.interface)) == tolist(["logs", "ssm", "ssmmessages"])
    error_message = "By default instances have no internet access, and reach what they need of AWS through endpoints: not S3, where anyone can have a bucket."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.endpoints.statement :
      toset(statement.actions) == toset(flatten(data.aws_iam_policy_document.instance.statement[*].actions)) &&
      [for condition in statement.condition : [condition.test, condition.variable, one(condition.values)]] == [["ArnEquals", "aws:PrincipalArn", aws_iam_role.instance.arn]]
    ])
    error_message = "An endpoint must serve the role of the instances only: not somebody's keys for another account."
  }

  assert {
    condition = alltrue([
      for subnets in [aws_subnet.public, aws_subnet.private] : [for subnet in subnets : subnet.availability_zone_id] == ["euw1-az1", "euw1-az2"]
    ])
    error_message = "Subnets must be in the first zones by id: names mean other zones in another account, and their order is not ours."
  }

  assert {
    condition     = output.url == "http://lb.elb.example:${local.port}" && strcontains(output.warning, "Plain HTTP")
    error_message = "Without a domain the service is on port 5000, and the output warns about it."
  }

  assert {
    condition     = aws_lb.main.enable_deletion_protection && aws_lb.main.drop_invalid_header_fields && length(aws_wafv2_web_acl.main) == 1
    error_message = "By default the load balancer has deletion protection, drops invalid headers, and has a web ACL."
  }

  assert {
    condition = aws_flow_log.main.traffic_type == "REJECT" && alltrue([
      for logging in aws_wafv2_web_acl_logging_configuration.main :
      one(logging.logging_filter).default_behavior == "DROP" && toset([
        for condition in one(one(logging.logging_filter).filter).condition : one(condition.action_condition).action
      ]) == toset(["BLOCK", "COUNT"]) && anytrue([for field in logging.redacted_fields : length(field.uri_path) == 1])
    ])
    error_message = "CloudWatch would be paid for a line about every request that passes, which the load balancer logs to S3 already; and a path has a name."
  }

  assert {
    condition = alltrue([
      for rule in jsondecode(aws_wafv2_web_acl.main[0].rule_json) :
      [for override in rule.Statement.ManagedRuleGroupStatement.RuleActionOverrides : override.Name if can(override.ActionToUse.Count)] == ["SizeRestrictions_BODY"]
      if rule.Name == "AWSManagedRulesCommonRuleSet"
    ])
    error_message = "The web ACL must leave large bodies to the service, and nothing else."
  }
}

run "elasticache" {
  command = plan

  variables {
    store_engine        = "elasticache"
    store_wait_replicas = 1
  }

  assert {
    condition = (
      length(aws_memorydb_cluster.main) == 0 &&
      aws_elasticache_replication_group.main[0].transit_encryption_mode == "required" &&
      aws_elasticache_replication_group.main[0].automatic_failover_enabled &&
      aws_elasticache_replication_group.main[0].snapshot_retention_limit > 0 &&
      aws_elasticache_replication_group.main[0].auto_minor_version_upgrade == "false" &&
      anytrue([for parameter in aws_elasticache_parameter_group.main[0].parameter : parameter.name == "maxmemory-policy" && parameter.value == "noeviction"])
    )
    error_message = "ElastiCache needs TLS, failover, snapshots, and must not evict."
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.main.user_data), "REDIS_WAIT_REPLICAS=1")
    error_message = "The service is not told to wait for replicas."
  }
}

run "micro" {
  command = plan

  variables {
    instance_type = "t4g.micro"
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.main.user_data), "WORKERS=1\n")
    error_message = "Two workers at their limits would take all the memory of the instance."
  }
}

run "larger" {
  command = plan

  variables {
    instance_type = "c7g.large"
  }

  assert {
    condition     = !strcontains(base64decode(aws_launch_template.main.user_data), "WORKERS=") && length(aws_cloudwatch_metric_alarm.credits) == 0
    error_message = "Every core has a worker, and only types that burst have credits."
  }
}

run "no_release_yet" {
  command = plan

  variables {
    release = "0000000000000000000000000000000000000000"
    ami_id  = "ami-00000000000000000"
  }

  expect_failures = [aws_launch_template.main]
}
