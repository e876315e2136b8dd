################################################################################
# Key: logs, alarms, store
################################################################################

resource "aws_kms_key" "main" {
  description             = "Logs, alarms and store of ${local.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "main" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.main.key_id
}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109:a key policy refers to its key as "*"
  # checkov:skip=CKV_AWS_111:a key policy refers to its key as "*"
  # checkov:skip=CKV_AWS_356:a key policy refers to its key as "*"
  # As in AWS's default policy: a verb that is missing here, nobody in the account can be given.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${local.partition}:logs:${var.region}:${local.account_id}:log-group:*"]
    }
  }

  statement {
    sid       = "Alarms"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  # EventBridge's calls carry no aws:SourceAccount or aws:SourceArn, but the context that SNS encrypts with.
  statement {
    sid       = "Events"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:aws:sns:topicArn"
      values   = [local.alarm_topic_arn]
    }
  }
}

################################################################################
# Logs: the journal has a stream for each instance and release
################################################################################

resource "aws_cloudwatch_log_group" "main" {
  for_each = toset(concat(["journal", "flow"], var.store_engine == "elasticache" ? ["store"] : []))

  # checkov:skip=CKV_AWS_338:three months are enough to look into an incident; a variable keeps them longer
  name              = "/${local.service}/${var.environment}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}

resource "aws_cloudwatch_log_group" "waf" {
  count = var.waf ? 1 : 0

  # checkov:skip=CKV_AWS_338:three months are enough to look into an incident; a variable keeps them longer
  name              = "aws-waf-logs-${local.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.main.arn
}

################################################################################
# Alarm topic
################################################################################

locals {
  alarm_topic = "${local.name}-alarms"
  # Spelt out, since the key's policy names it and the topic needs the key.
  alarm_topic_arn = "arn:${local.partition}:sns:${var.region}:${local.account_id}:${local.alarm_topic}"
}

resource "aws_sns_topic" "alarms" {
  name              = local.alarm_topic
  kms_master_key_id = aws_kms_key.main.arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarm_topic.json
}

# Replaces the default policy, which lets the account and its alarms publish but not EventBridge.
data "aws_iam_policy_document" "alarm_topic" {
  statement {
    sid = "Account"

    actions = [
      "sns:AddPermission",
      "sns:DeleteTopic",
      "sns:GetTopicAttributes",
      "sns:ListSubscriptionsByTopic",
      "sns:Publish",
      "sns:RemovePermission",
      "sns:SetTopicAttributes",
      "sns:Subscribe",
    ]

    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  # No condition: SNS does not support any for EventBridge, and with one no event would arrive.
  statement {
    sid       = "Events"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

################################################################################
# Dashboard
################################################################################

locals {
  load_balancer_dimensions = ["LoadBalancer", aws_lb.main.arn_suffix]
  target_group_dimensions  = ["TargetGroup", aws_lb_target_group.main.arn_suffix]
  store_namespace          = var.store_engine == "memorydb" ? "AWS/MemoryDB" : "AWS/ElastiCache"
  store_dimensions = {
    for node in local.store_nodes : node => var.store_engine == "memorydb" ? { ClusterName = local.name, NodeName = node } : { CacheClusterId = node }
  }

  dashboard_widgets = {
    "Requests and errors" = [
      concat(["AWS/ApplicationELB", "RequestCount"], local.load_balancer_dimensions, [{ stat = "Sum" }]),
      concat(["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count"], local.load_balancer_dimensions, [{ stat = "Sum" }]),
      concat(["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"], local.load_balancer_dimensions, [{ stat = "Sum" }]),
    ]
    "Response time" = [
      for stat in ["p50", "p99"] : concat(["AWS/ApplicationELB", "TargetResponseTime"], local.load_balancer_dimensions, [{ stat = stat, label = stat }])
    ]
    "Hosts" = [
      for metric in ["HealthyHostCount", "UnHealthyHostCount"] : concat(["AWS/ApplicationELB", metric], local.target_group_dimensions, local.load_balancer_dimensions, [{ stat = "Maximum" }])
    ]
    "CPU of instances" = [
      ["AWS/EC2", "CPUUtilization", "AutoScalingGroupName", local.name, { stat = "Average" }],
      ["AWS/EC2", "CPUUtilization", "AutoScalingGroupName", local.name, { stat = "Maximum" }],
    ]
    "Memory of the store, %" = [
      for node in local.store_nodes : concat([local.store_namespace, "DatabaseMemoryUsagePercentage"], flatten([for name, value in local.store_dimensions[node] : [name, value]]), [{ stat = "Maximum" }])
    ]
    "Replication lag of the store, s" = [
      for node in local.store_nodes : concat([local.store_namespace, "ReplicationLag"], flatten([for name, value in local.store_dimensions[node] : [name, value]]), [{ stat = "Maximum" }])
    ]
  }
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = local.name

  dashboard_body = jsonencode({
    widgets = [
      for index, title in keys(local.dashboard_widgets) : {
        type   = "metric"
        x      = 12 * (index % 2)
        y      = 6 * floor(index / 2)
        width  = 12
        height = 6

        properties = {
          title   = title
          region  = var.region
          period  = 60
          view    = "timeSeries"
          metrics = local.dashboard_widgets[title]
        }
      }
    ]
  })
}
