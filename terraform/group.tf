locals {
  # The service's environment; secrets are referenced by name.
  service_environment = merge(
    {
      ENVIRONMENT         = var.environment
      PORT                = local.port
      AWS_REGION          = var.region
      TIMEZONE            = var.timezone
      LOG_LEVEL           = var.log_level
      REDIS_ENDPOINT      = "${local.store_endpoint}:${local.store_port}"
      REDIS_MODE          = "cluster"
      REDIS_TLS           = "true"
      REDIS_USERNAME      = local.store_user
      REDIS_PASSWORD      = "ssm:${local.password_parameter}"
      REDIS_WAIT_REPLICAS = var.store_wait_replicas
    },
    # With the gigabyte that it has, two workers at their limits would take all.
    endswith(var.instance_type, ".micro") ? { WORKERS = 1 } : {},
    var.auth == "none" ? { AUTH = "none" } : { TOKENS = "ssm:${local.tokens_parameter}" },
  )
}

################################################################################
# Launch template: each apply that changes it creates a new, numbered version
################################################################################

resource "aws_launch_template" "main" {
  name                   = local.name
  description            = "release ${var.release}"
  image_id               = var.ami_id
  instance_type          = var.instance_type
  update_default_version = false

  user_data = base64encode(templatefile("${path.module}/user-data/instance.sh.tftpl", {
    environment = local.service_environment
    log_group   = aws_cloudwatch_log_group.main["journal"].name
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.instance.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  network_interfaces {
    device_index                = 0
    associate_public_ip_address = var.internet == "public"
    delete_on_termination       = true
    security_groups             = [aws_security_group.instances.id]
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      encrypted             = true
      volume_type           = "gp3"
      volume_size           = 8
      delete_on_termination = true
    }
  }

  monitoring {
    enabled = true
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]

    content {
      resource_type = tag_specifications.value
      tags          = merge(local.tags, { Name = local.name, release = var.release })
    }
  }

  lifecycle {
    precondition {
      condition     = var.ami_id != "ami-00000000000000000"
      error_message = "No release has been chosen yet: run scripts/bake, then scripts/bump, which writes release.auto.tfvars.json."
    }
  }
}

################################################################################
# Auto Scaling group
################################################################################

resource "aws_autoscaling_group" "main" {
  name                      = local.name
  min_size                  = var.min_size
  max_size                  = var.max_size
  vpc_zone_identifier       = [for subnet in var.internet == "public" ? aws_subnet.public : aws_subnet.private : subnet.id]
  target_group_arns         = [aws_lb_target_group.main.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 120
  default_instance_warmup   = 60
  termination_policies      = ["OldestLaunchTemplate", "OldestInstance"]
  metrics_granularity       = "1Minute"
  enabled_metrics           = ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupStandbyInstances", "GroupTerminatingInstances"]

  launch_template {
    id      = aws_launch_template.main.id
    version = aws_launch_template.main.latest_version
  }

  instance_maintenance_policy {
    min_healthy_percentage = 100
    max_healthy_percentage = 200
  }

  # Instances get their tags from the launch template, including the release.
  dynamic "tag" {
    for_each = local.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  lifecycle {
    # The rollout changes the version once it has proved itself; the scaling policies change the capacity.
    ignore_changes = [launch_template, desired_capacity]
  }

  # A booting instance needs all of these to become healthy.
  depends_on = [
    aws_iam_role_policy.instance,
    aws_lb_listener_rule.methods,
    aws_route_table_association.private,
    aws_vpc_endpoint.interface,
    aws_vpc_security_group_egress_rule.instances_to_endpoints,
    aws_vpc_security_group_egress_rule.instances_to_store,
    aws_vpc_security_group_egress_rule.load_balancer_to_instances,
    aws_vpc_security_group_ingress_rule.endpoints_from_instances,
    aws_vpc_security_group_ingress_rule.instances_from_load_balancer,
    aws_vpc_security_group_ingress_rule.store_from_instances,
  ]
}

resource "aws_autoscaling_policy" "cpu" {
  name                   = "${local.name}-cpu"
  autoscaling_group_name = aws_autoscaling_group.main.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.cpu_target_percent

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}

resource "aws_autoscaling_policy" "requests" {
  name                   = "${local.name}-requests"
  autoscaling_group_name = aws_autoscaling_group.main.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.requests_per_target

    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = "${aws_lb.main.arn_suffix}/${aws_lb_target_group.main.arn_suffix}"
    }
  }

  # The metric exists only once a listener forwards to the target group.
  depends_on = [aws_lb_listener_rule.methods]
}

# What a rollout relies on, but does not name.
resource "terraform_data" "ready" {
  depends_on = [
    aws_autoscaling_policy.cpu,
    aws_autoscaling_policy.requests,
    aws_route53_record.main,
    aws_ssm_document.command,
    aws_wafv2_web_acl_association.main,
  ]
}

locals {
  fleet = {
    group            = aws_autoscaling_group.main.name
    template         = aws_launch_template.main.id
    template_version = aws_launch_template.main.latest_version
  }
}
