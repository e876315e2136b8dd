variable "ssh_private_key_file" {
  type        = string
  description = "Private key that root of the image accepts during the bake."
}
