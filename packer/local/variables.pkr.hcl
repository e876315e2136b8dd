variable "ssh_private_key_file" {
  type        = string
  description = "A key that root of the root file system accepts while it is baked."
}

variable "image" {
  type        = string
  description = "Where the image directory will be, for the manifest."
}

variable "manifest" {
  type        = string
  description = "The manifest to add this bake to."
}
