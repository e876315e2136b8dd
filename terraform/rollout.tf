# Moves the group to the launch template's version, or back.
resource "terraform_data" "rollout" {
  triggers_replace = {
    release                 = var.release
    launch_template_version = local.fleet.template_version
    retry                   = var.retry_rolled_back
  }

  provisioner "local-exec" {
    command = join(" ", concat(
      ["'${path.module}/../scripts/rollout'", "start"],
      ["--group", local.fleet.group],
      ["--launch-template-id", local.fleet.template],
      ["--launch-template-version", local.fleet.template_version],
      ["--release", var.release],
      ["--url", local.url],
      ["--region", var.region],
      flatten([for name in local.rollout_alarms : ["--alarm", name]]),
      [var.retry_rolled_back ? "--retry" : "--skip-rolled-back"],
    ))
  }

  depends_on = [terraform_data.ready]
}
