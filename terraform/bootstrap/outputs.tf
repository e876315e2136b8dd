output "backend" {
  description = "The backend block for the root module's backend.tf"

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
  description = "Roles of the workflows: variables AWS_PLAN_ROLE, AWS_BAKE_ROLE and AWS_DEPLOY_ROLE of the repository"
  value       = { for key, role in aws_iam_role.github : key => role.arn }
}

output "bake_instance_profile" {
  description = "Instance profile of Packer's builder"
  value       = aws_iam_instance_profile.bake.name
}
