################################################################################
# Web application firewall
################################################################################

resource "aws_wafv2_web_acl" "main" {
  count = var.waf ? 1 : 0

  # checkov:skip=CKV_AWS_175:it has three rules; the check does not read rule_json
  # checkov:skip=CKV_AWS_192:AWSManagedRulesKnownBadInputsRuleSet is included; the check does not read rule_json
  name  = local.name
  scope = "REGIONAL"

  default_action {
    allow {}
  }

  # In the API's format: all three rules on one screen.
  rule_json = jsonencode(concat(
    [
      for index, group in [
        # The service limits bodies itself and returns a 413 problem for a large one; this rule would return 403.
        { Name = "AWSManagedRulesCommonRuleSet", RuleActionOverrides = [{ Name = "SizeRestrictions_BODY", ActionToUse = { Count = {} } }] },
        { Name = "AWSManagedRulesKnownBadInputsRuleSet" },
        ] : {
        Name             = group.Name
        Priority         = index + 1
        OverrideAction   = { None = {} }
        Statement        = { ManagedRuleGroupStatement = merge({ VendorName = "AWS" }, group) }
        VisibilityConfig = { CloudWatchMetricsEnabled = true, MetricName = group.Name, SampledRequestsEnabled = true }
      }
    ],
    [{
      Name             = "rate"
      Priority         = 3
      Action           = { Block = {} }
      Statement        = { RateBasedStatement = { AggregateKeyType = "IP", Limit = var.waf_rate_limit } }
      VisibilityConfig = { CloudWatchMetricsEnabled = true, MetricName = "rate", SampledRequestsEnabled = true }
    }],
  ))

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = local.name
    sampled_requests_enabled   = true
  }
}

resource "aws_wafv2_web_acl_association" "main" {
  count = var.waf ? 1 : 0

  resource_arn = aws_lb.main.arn
  web_acl_arn  = aws_wafv2_web_acl.main[0].arn
}

resource "aws_wafv2_web_acl_logging_configuration" "main" {
  count = var.waf ? 1 : 0

  resource_arn            = aws_wafv2_web_acl.main[0].arn
  log_destination_configs = [aws_cloudwatch_log_group.waf[0].arn]

  # Not what passes: the load balancer logs every request to S3, at a twentieth of the price.
  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      dynamic "condition" {
        for_each = ["BLOCK", "COUNT"]

        content {
          action_condition {
            action = condition.value
          }
        }
      }
    }
  }

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }

  # It has the user's name.
  redacted_fields {
    uri_path {}
  }
}
