build {
  sources = ["source.amazon-ebs.al2023"]

  provisioner "file" {
    source      = var.payload
    destination = local.upload
  }

  provisioner "shell" {
    scripts          = local.provision
    environment_vars = concat(local.environment, local.needs)
    execute_command  = local.as_root
  }

  provisioner "file" {
    direction   = "download"
    source      = "/usr/local/lib/app/packages.txt"
    destination = var.packages
  }
}
