locals {
  https          = var.domain != null
  listener_ports = local.https ? [443, 80] : [local.port]
  # As the service words its problems, but the load balancer knows no application/problem+json.
  no_such_method = jsonencode({ type = "about:blank", title = "The path does not allow this method", status = 405 })
  url            = local.https ? "https://${var.domain}" : "http://${aws_lb.main.dns_name}:${local.port}"
}

################################################################################
# Load balancer
################################################################################

resource "aws_lb" "main" {
  # checkov:skip=CKV2_AWS_20:with a domain, port 80 redirects to HTTPS; without one there is no certificate for HTTPS
  # checkov:skip=CKV2_AWS_76:AWSManagedRulesKnownBadInputsRuleSet is included; the check does not read rule_json
  # checkov:skip=CKV2_AWS_28:the web ACL is on by default; a variable turns it off
  name                       = local.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = [for subnet in aws_subnet.public : subnet.id]
  security_groups            = [aws_security_group.load_balancer.id]
  idle_timeout               = 60
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  enable_deletion_protection = var.deletion_protection

  access_logs {
    bucket  = aws_s3_bucket.access_logs.id
    enabled = true
  }

  # AWS makes a public load balancer only where its subnets lead to an internet gateway.
  depends_on = [
    aws_internet_gateway.main,
    aws_route.public,
    aws_route_table_association.public,
    aws_s3_bucket_policy.access_logs,
  ]
}

resource "aws_lb_target_group" "main" {
  # checkov:skip=CKV_AWS_378:TLS terminates at the load balancer; behind it, only its security group reaches the instances
  name                 = local.name
  vpc_id               = aws_vpc.main.id
  port                 = local.port
  protocol             = "HTTP"
  target_type          = "instance"
  deregistration_delay = 30
  # The ALB has none with least outstanding requests. A worker warms up by itself before it gets requests.
  slow_start                    = 0
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = "/hc"
    matcher             = "200"
    interval            = 5
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

################################################################################
# Listeners
################################################################################

resource "aws_lb_listener" "https" {
  count = local.https ? 1 : 0

  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
  certificate_arn   = aws_acm_certificate_validation.main[0].certificate_arn

  routing_http_response_strict_transport_security_header_value = "max-age=31536000"

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "405"
      content_type = "application/json"
      message_body = local.no_such_method
    }
  }
}

resource "aws_lb_listener" "redirect" {
  count = local.https ? 1 : 0

  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "plain" {
  count = local.https ? 0 : 1

  # checkov:skip=CKV_AWS_2:without a domain there can be no certificate; the output "warning" says so
  # checkov:skip=CKV_AWS_103:without a domain there can be no certificate; the output "warning" says so
  load_balancer_arn = aws_lb.main.arn
  port              = local.port
  protocol          = "HTTP"

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "405"
      content_type = "application/json"
      message_body = local.no_such_method
    }
  }
}

# Only the methods of HTTP that the runtime of the service knows: of any other it closes the connection, and the load
# balancer would count a 502 of its own, for which anybody could ring an alarm. A rule takes five values.
resource "aws_lb_listener_rule" "methods" {
  for_each = { for index, methods in [["DELETE", "GET", "HEAD", "OPTIONS", "PUT"], ["PATCH", "POST"]] : index + 1 => methods }

  listener_arn = local.https ? aws_lb_listener.https[0].arn : aws_lb_listener.plain[0].arn
  priority     = each.key

  condition {
    http_request_method {
      values = each.value
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.main.arn
  }
}

################################################################################
# Certificate and DNS records
################################################################################

resource "aws_acm_certificate" "main" {
  count = local.https ? 1 : 0

  domain_name       = var.domain
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  count = var.zone_id == null ? 0 : 1

  zone_id         = var.zone_id
  name            = tolist(aws_acm_certificate.main[0].domain_validation_options)[0].resource_record_name
  type            = tolist(aws_acm_certificate.main[0].domain_validation_options)[0].resource_record_type
  records         = [tolist(aws_acm_certificate.main[0].domain_validation_options)[0].resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

# Waits until the certificate is issued; without zone_id, somebody has to create the record in the output "certificate_records".
resource "aws_acm_certificate_validation" "main" {
  count = local.https ? 1 : 0

  certificate_arn         = aws_acm_certificate.main[0].arn
  validation_record_fqdns = var.zone_id == null ? null : [aws_route53_record.validation[0].fqdn]
}

resource "aws_route53_record" "main" {
  count = var.zone_id == null ? 0 : 1

  zone_id = var.zone_id
  name    = var.domain
  type    = "A"

  alias {
    name                   = aws_lb.main.dns_name
    zone_id                = aws_lb.main.zone_id
    evaluate_target_health = true
  }
}

################################################################################
# Access logs
################################################################################

resource "aws_s3_bucket" "access_logs" {
  # checkov:skip=CKV_AWS_18:it holds access logs; logging access to it would recurse
  # checkov:skip=CKV_AWS_144:access logs are not worth a second region
  # checkov:skip=CKV_AWS_145:load balancers can only write to buckets with SSE-S3
  # checkov:skip=CKV2_AWS_62:nothing consumes events of access logs
  bucket        = "${local.name}-access-logs-${local.account_id}-${var.region}"
  force_destroy = !var.deletion_protection
}

resource "aws_s3_bucket_public_access_block" "access_logs" {
  bucket                  = aws_s3_bucket.access_logs.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "access_logs" {
  bucket     = aws_s3_bucket.access_logs.id
  depends_on = [aws_s3_bucket_versioning.access_logs]

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = var.log_retention_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "access_logs" {
  bucket     = aws_s3_bucket.access_logs.id
  policy     = data.aws_iam_policy_document.access_logs.json
  depends_on = [aws_s3_bucket_public_access_block.access_logs]
}

data "aws_iam_policy_document" "access_logs" {
  statement {
    sid       = "LoadBalancer"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.access_logs.arn}/AWSLogs/${local.account_id}/*"]

    principals {
      type        = "Service"
      identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
    }
  }

  statement {
    sid       = "OnlyTls"
    effect    = "Deny"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
    resources = [aws_s3_bucket.access_logs.arn, "${aws_s3_bucket.access_logs.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
