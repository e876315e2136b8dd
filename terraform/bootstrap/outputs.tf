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

output "workflows" {
  description = "Account, region and roles of the workflows, for .github/aws.env"

  value = <<-LINES
    account=${local.account_id}
    region=${var.region}
    roles=${local.arn}:iam::${local.account_id}:role/${local.name}-github-
  LINES
}

output "bake_instance_profile" {
  description = "Instance profile of Packer's build instance"
  value       = aws_iam_instance_profile.bake.name
}
