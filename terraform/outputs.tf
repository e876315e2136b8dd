output "url" {
  description = "URL of the service"
  value       = local.url
}

output "warning" {
  description = "What is unsuitable for production; null if nothing is"
  value       = local.https ? null : "Plain HTTP: names, dates of birth and tokens can be read in transit. For HTTPS, set domain, and zone_id if Route 53 hosts it."
}

# Each of the two depends on one resource only, so that a targeted apply of that resource outputs it.
output "certificate_records" {
  description = "DNS records that validate the certificate, to create by hand if domain is set without zone_id"
  value = local.https && var.zone_id == null ? [
    for option in aws_acm_certificate.main[0].domain_validation_options : "${option.resource_record_name} ${option.resource_record_type} ${option.resource_record_value}"
  ] : []
}

output "dns_records" {
  description = "DNS records that point to the load balancer, to create by hand if domain is set without zone_id"
  value       = local.https && var.zone_id == null ? ["${var.domain} CNAME ${aws_lb.main.dns_name}"] : []
}

output "region" {
  description = "AWS region"
  value       = var.region
}

output "release" {
  description = "Release in the launch template; scripts/ops status shows what is running"
  value       = var.release
}

output "group_name" {
  description = "Name of the Auto Scaling group"
  value       = aws_autoscaling_group.main.name
}

output "launch_template_id" {
  description = "ID of the launch template"
  value       = aws_launch_template.main.id
}

output "launch_template_version" {
  description = "Launch template version of the release"
  value       = aws_launch_template.main.latest_version
}

output "target_group_arn" {
  description = "ARN of the target group"
  value       = aws_lb_target_group.main.arn
}

output "alarm_names" {
  description = "Names of the alarms that stop a rollout"
  value       = local.rollout_alarms
}

output "log_group" {
  description = "Log group of the instances' journals, with a stream for each instance and release"
  value       = aws_cloudwatch_log_group.main["journal"].name
}

output "store_endpoint" {
  description = "Endpoint of the store"
  value       = "${local.store_endpoint}:${local.store_port}"
}

output "operator_policy_arn" {
  description = "ARN of the on-call policy: the SSM documents, processes of the group, and the freeze of deploys"
  value       = aws_iam_policy.operator.arn
}

output "rollback_policy_arn" {
  description = "ARN of the rollback policy: scripts/rollout except start; it launches nothing itself"
  value       = aws_iam_policy.rollback.arn
}

output "secrets_policy_arn" {
  description = "ARN of the policy for scripts/secrets: the tokens and the password of the store"
  value       = aws_iam_policy.secrets.arn
}

output "backup_policy_arn" {
  description = "ARN of the policy for scripts/ops backup and drill: snapshots of the store, and copies made of them"
  value       = aws_iam_policy.backup.arn
}

output "shell_policy_arn" {
  description = "ARN of the break-glass policy: an interactive session; scripts/ops shell also needs the operator policy"
  value       = aws_iam_policy.shell.arn
}
