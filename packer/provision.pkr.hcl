# Shared by both bakes: aws/ and local/ each link to this file, since Packer reads a single folder.

variable "release" {
  type        = string
  description = "Release to bake: the full SHA of its commit."
}

variable "payload" {
  type        = string
  description = "Archive that 10-install.sh installs: the executable, its bill of materials and default ports, and systemd/."
}

variable "executable_sha256" {
  type        = string
  description = "Checksum of the executable, from dist/SHA256SUMS."
}

variable "commit_time" {
  type        = string
  description = "Commit time of the release, in seconds since 1970."
}

locals {
  # The only place that defines the name.
  service = jsondecode(file("${path.root}/../../package.json")).name

  upload = "/tmp/payload.tar.gz"

  provision = [
    "${path.root}/../provision/00-packages.sh",
    "${path.root}/../provision/10-install.sh",
    "${path.root}/../provision/20-harden.sh",
    "${path.root}/../provision/30-clean.sh",
    "${path.root}/../provision/40-accept.sh",
  ]

  environment = [
    "PAYLOAD=${local.upload}",
    "RELEASE=${var.release}",
    "EXECUTABLE_SHA256=${var.executable_sha256}",
    "SOURCE_DATE_EPOCH=${var.commit_time}",
  ]

  # As root, through sudo unless the login is root; env, because sudo drops the environment.
  as_root = "$(command -v sudo) env {{ .Vars }} bash '{{ .Path }}'"
}
