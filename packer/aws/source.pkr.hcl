locals {
  # terraform/user-data starts the agent that ships the journal.
  needs = ["PACKAGES=amazon-cloudwatch-agent", "REQUIRED_UNITS=amazon-ssm-agent.service"]

  baked_at = timestamp()

  # null means the default key; the API does not accept "".
  kms_key_id = var.publish.kms_key_id == "" ? null : var.publish.kms_key_id
  # Only a copy is re-encrypted with another key. Without a copy the image keeps the key of its build volume, which
  # saves the minutes that copying takes.
  copied = length(var.publish.regions) > 0 || length(var.publish.accounts) > 0

  unfinished = "packer ${local.service} ${substr(var.release, 0, 12)}"

  tags = {
    Name       = "${local.service} ${substr(var.release, 0, 12)}"
    service    = local.service
    release    = var.release
    commit     = var.release
    baked-at   = local.baked_at
    source-ami = data.amazon-parameterstore.al2023.value
    arch       = var.arch
    executable = var.executable_sha256
    sbom       = var.sbom_sha256
    # Filled in by the plugin.
    source-ami-created = "{{ .SourceAMICreationDate }}"
  }
}

# The standard image, not the minimal one, which lacks the SSM agent.
data "amazon-parameterstore" "al2023" {
  region = var.region
  name   = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${var.arch == "arm64" ? "arm64" : "x86_64"}"
}

source "amazon-ebs" "al2023" {
  region        = var.region
  source_ami    = data.amazon-parameterstore.al2023.value
  instance_type = var.arch == "arm64" ? "t4g.small" : "t3.small"
  subnet_id     = var.subnet_id
  # Belongs to the bake, not to the service: scripts/ops must not find it. The image has this name, too, until it is
  # finished: by it the role of the workflow may change the image, and a failed bake is found and cleaned up.
  run_tags        = { Name = local.unfinished }
  run_volume_tags = { Name = local.unfinished }
  # If Packer dies, the next shutdown terminates its instance.
  shutdown_behavior = "terminate"

  communicator         = "ssh"
  ssh_interface        = "session_manager"
  ssh_username         = "ec2-user"
  iam_instance_profile = coalesce(var.instance_profile, "${local.service}-bake")
  # The agent registers some time after the instance starts; until then a tunnel is refused.
  pause_before_ssm = "30s"
  ssh_timeout      = "15m"

  # For the build instance; imds_support is for instances launched from the image.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  imds_support = "v2.0"

  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_type           = "gp3"
    volume_size           = 8
    encrypted             = true
    kms_key_id            = local.kms_key_id
    delete_on_termination = true
  }

  ami_name        = "${local.service}-${substr(var.release, 0, 12)}-${var.arch}${var.name_suffix}"
  ami_description = "${local.service}, release ${var.release}"
  deprecate_at    = timeadd(local.baked_at, "${var.deprecate_after_days * 24}h")
  # Snapshots get these tags too. Tagging them a second time, with snapshot_tags, would be after they are finished.
  tags = local.tags

  encrypt_boot       = local.copied ? true : null
  kms_key_id         = local.copied ? local.kms_key_id : null
  ami_regions        = keys(var.publish.regions)
  region_kms_key_ids = local.copied ? var.publish.regions : null
  ami_users          = var.publish.accounts
  snapshot_users     = var.publish.accounts
}
