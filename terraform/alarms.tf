locals {
  # The alarms that stop a rollout.
  rollout_alarms = concat([aws_cloudwatch_metric_alarm.balancer.alarm_name], [for alarm in aws_cloudwatch_metric_alarm.rollout : alarm.alarm_name])

  # What the targets answer. Missing data is fine: a quiet night must not fail a rollout.
  target_alarms = {
    target-5xx = {
      description = "The service returns 5xx, mostly since its store does not answer"
      metric      = "HTTPCode_Target_5XX_Count"
      statistic   = "Sum"
      threshold   = 5
      minutes     = 2
    }
    p99 = {
      description = "One request in a hundred takes longer than ${var.alarm_p99_seconds} s"
      metric      = "TargetResponseTime"
      statistic   = "p99"
      threshold   = var.alarm_p99_seconds
      minutes     = 2
    }
    # Not the minimum: each node of the load balancer counts for itself, and one that sees no such instance says 0. One
    # that boots or restarts is unhealthy for less than three minutes, but not than two.
    unhealthy-hosts = {
      description = "An instance has been unhealthy for three minutes"
      metric      = "UnHealthyHostCount"
      statistic   = "Maximum"
      threshold   = 1
      minutes     = 3
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "rollout" {
  for_each = local.target_alarms

  alarm_name                            = "${local.name}-${each.key}"
  alarm_description                     = "${each.value.description}: scripts/RUNBOOK.md#${each.key}"
  namespace                             = "AWS/ApplicationELB"
  metric_name                           = each.value.metric
  statistic                             = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic                    = startswith(each.value.statistic, "p") ? each.value.statistic : null
  evaluate_low_sample_count_percentiles = startswith(each.value.statistic, "p") ? "ignore" : null
  comparison_operator                   = "GreaterThanOrEqualToThreshold"
  threshold                             = each.value.threshold
  period                                = 60
  evaluation_periods                    = each.value.minutes
  datapoints_to_alarm                   = each.value.minutes
  treat_missing_data                    = "notBreaching"
  alarm_actions                         = [aws_sns_topic.alarms.arn]
  ok_actions                            = [aws_sns_topic.alarms.arn]

  dimensions = {
    LoadBalancer = aws_lb.main.arn_suffix
    TargetGroup  = aws_lb_target_group.main.arn_suffix
  }
}

# Not HTTPCode_ELB_5XX_Count, which has the 501 and 505 that a caller can provoke, too.
resource "aws_cloudwatch_metric_alarm" "balancer" {
  alarm_name          = "${local.name}-elb-5xx"
  alarm_description   = "The load balancer itself returns 502, 503 or 504: it could not reach an instance, or an instance closed the connection: scripts/RUNBOOK.md#elb-5xx"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 5
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "all"
    label       = "502, 503 and 504"
    expression  = "SUM(METRICS())"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = toset(["502", "503", "504"])

    content {
      id = "m${metric_query.key}"

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = "HTTPCode_ELB_${metric_query.key}_Count"
        dimensions  = { LoadBalancer = aws_lb.main.arn_suffix }
        stat        = "Sum"
        period      = 60
      }
    }
  }
}

# Instances that burst have no limit by default, and CPU beyond their baseline is charged. Stopping them instead would
# slow the service down when it is needed most.
resource "aws_cloudwatch_metric_alarm" "credits" {
  count = startswith(var.instance_type, "t") ? 1 : 0

  alarm_name          = "${local.name}-cpu-credits"
  alarm_description   = "The instances have needed more CPU than their price includes for three hours: a larger or another type would be cheaper: scripts/RUNBOOK.md#cpu-credits"
  namespace           = "AWS/EC2"
  metric_name         = "CPUSurplusCreditsCharged"
  dimensions          = { AutoScalingGroupName = aws_autoscaling_group.main.name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  # In minutes of a vCPU.
  threshold          = 60
  period             = 3600
  evaluation_periods = 3
  treat_missing_data = "notBreaching"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "store_memory" {
  for_each = local.store_nodes

  alarm_name          = "${local.name}-store-memory-${trimprefix(each.key, "${local.name}-")}"
  alarm_description   = "The store is filling up, or a node is missing: scripts/RUNBOOK.md#store-memory"
  namespace           = local.store_namespace
  metric_name         = "DatabaseMemoryUsagePercentage"
  dimensions          = local.store_dimensions[each.key]
  statistic           = "Maximum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 75
  period              = 60
  evaluation_periods  = 5
  # Every node always has this metric: if it is missing, the node is, or the dimensions are wrong.
  treat_missing_data = "breaching"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
  depends_on         = [aws_elasticache_replication_group.main, aws_memorydb_cluster.main]
}

resource "aws_cloudwatch_metric_alarm" "store_replication" {
  for_each = local.store_nodes

  alarm_name          = "${local.name}-store-replication-${trimprefix(each.key, "${local.name}-")}"
  alarm_description   = "A replica is more than ten seconds behind: a failover now would be slow, or lose writes with ElastiCache: scripts/RUNBOOK.md#store-replication"
  namespace           = local.store_namespace
  metric_name         = "ReplicationLag"
  dimensions          = local.store_dimensions[each.key]
  statistic           = "Maximum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 10
  period              = 60
  evaluation_periods  = 5
  # Only replicas have this metric, and which nodes those are changes with a failover.
  treat_missing_data = "notBreaching"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
}

################################################################################
# Refreshes that did not end well: someone must hear of one that nobody follows
################################################################################

resource "aws_cloudwatch_event_rule" "refreshes" {
  name        = "${local.name}-refreshes"
  description = "An instance refresh of ${local.name} failed, was cancelled or goes back"

  event_pattern = jsonencode({
    source      = ["aws.autoscaling"]
    detail-type = [for end in ["Failed", "Cancelled", "Rollback Started", "Rollback Succeeded", "Rollback Failed"] : "EC2 Auto Scaling Instance Refresh ${end}"]
    detail      = { AutoScalingGroupName = [local.name] }
  })
}

resource "aws_cloudwatch_event_target" "refreshes" {
  rule = aws_cloudwatch_event_rule.refreshes.name
  arn  = aws_sns_topic.alarms.arn

  input_transformer {
    input_paths = {
      what    = "$.detail-type"
      group   = "$.detail.AutoScalingGroupName"
      refresh = "$.detail.InstanceRefreshId"
      region  = "$.region"
    }

    # Not jsonencode, which would escape the angle brackets.
    input_template = "\"<what>: <group>, refresh <refresh>. To see more: scripts/rollout status --group <group> --region <region>. What to do: scripts/RUNBOOK.md\""
  }
}
