output "backend" {
  description = "Backend block for the root module's backend.tf"

  value = <<-BLOCK
    terraform {
      backend "s3" {
        bucket       = "${aws_s3_bucket.state.id}"
        key          = "${local.name}.tfstate"
        region       = "${var.region}"
        encrypt      = true
        kms_key_id   = "${aws_kms_key.state.arn}"
        use_lockfile = true
      }
    }
  BLOCK
}

output "role_arns" {
  description = "ARNs of the workflow roles, for the repository variables AWS_PLAN_ROLE, AWS_BAKE_ROLE, AWS_DEPLOY_ROLE and AWS_ROLLBACK_ROLE"
  value       = { for key, role in aws_iam_role.github : key => role.arn }
}

output "bake_instance_profile" {
  description = "Instance profile of Packer's build instance"
  value       = aws_iam_instance_profile.bake.name
}
