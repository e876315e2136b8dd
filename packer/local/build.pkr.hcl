build {
  sources = ["source.null.container"]

  provisioner "file" {
    source      = var.payload
    destination = local.upload
  }

  provisioner "shell" {
    scripts          = local.provision
    environment_vars = concat(local.environment, local.needs)
    execute_command  = local.as_root
  }
}
