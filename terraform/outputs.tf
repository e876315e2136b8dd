output "url" {
  description = "Where the service answers"
  value       = local.url
}

output "warning" {
  description = "What is not as it should be in production; null when nothing is"
  value       = local.https ? null : "Plain HTTP: names, dates of birth and tokens can be read on the way. Set domain, and zone_id if Route 53 serves it, for HTTPS."
}

# Each of the two needs one resource alone, so that an apply of only that resource tells it.
output "certificate_records" {
  description = "Records that validate the certificate, to make by hand when domain is given without zone_id"
  value = local.https && var.zone_id == null ? [
    for option in aws_acm_certificate.main[0].domain_validation_options : "${option.resource_record_name} ${option.resource_record_type} ${option.resource_record_value}"
  ] : []
}

output "dns_records" {
  description = "Records that lead to the load balancer, to make by hand when domain is given without zone_id"
  value       = local.https && var.zone_id == null ? ["${var.domain} CNAME ${aws_lb.main.dns_name}"] : []
}

output "region" {
  description = "AWS region"
  value       = var.region
}

output "release" {
  description = "The release that the launch template holds; scripts/ops status tells what runs"
  value       = var.release
}

output "group_name" {
  description = "Auto Scaling group"
  value       = aws_autoscaling_group.main.name
}

output "launch_template_id" {
  description = "Launch template"
  value       = aws_launch_template.main.id
}

output "launch_template_version" {
  description = "Its version for the release"
  value       = aws_launch_template.main.latest_version
}

output "target_group_arn" {
  description = "Target group"
  value       = aws_lb_target_group.main.arn
}

output "alarm_names" {
  description = "Alarms that stop a rollout"
  value       = [for alarm in aws_cloudwatch_metric_alarm.rollout : alarm.alarm_name]
}

output "log_group" {
  description = "Log group of the instances' journals, a stream for each instance and release"
  value       = aws_cloudwatch_log_group.main["journal"].name
}

output "store_endpoint" {
  description = "Endpoint of the store"
  value       = "${local.store_endpoint}:${local.store_port}"
}

output "operator_policy_arn" {
  description = "Policy for people on duty: the SSM documents, and nothing else"
  value       = aws_iam_policy.operator.arn
}

output "shell_policy_arn" {
  description = "Policy for breaking the glass: an interactive session; scripts/ops shell needs the operator's as well"
  value       = aws_iam_policy.shell.arn
}
