locals {
  needs = []
}

# The root file system that scripts/bake --local has booted in a container; Packer runs in the container's network.
source "null" "container" {
  ssh_host             = "127.0.0.1"
  ssh_username         = "root"
  ssh_private_key_file = var.ssh_private_key_file
  ssh_timeout          = "1m"
}
