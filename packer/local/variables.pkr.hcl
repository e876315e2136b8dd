variable "ssh_private_key_file" {
  type        = string
  description = "A key that root of the root file system accepts while it is baked."
}
