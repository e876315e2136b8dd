output "json" {
  description = "Policy document of whoever follows, cancels and rolls back"
  value       = data.aws_iam_policy_document.rollout.json
}

output "launch_json" {
  description = "Policy document of whoever starts a refresh to a version of the launch template"
  value       = data.aws_iam_policy_document.launch.json
}
