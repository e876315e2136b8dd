variable "region" {
  type        = string
  description = "Region to build the image in."
}

variable "sbom_sha256" {
  type        = string
  description = "Checksum of the executable's bill of materials, from dist/SHA256SUMS."
}

variable "packages" {
  type        = string
  description = "File for the list of what the image has installed."
}

variable "arch" {
  type        = string
  description = "Architecture of the executable and the image: arm64 or x64."
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x64"], var.arch)
    error_message = "The value of arch must be arm64 or x64."
  }
}

variable "instance_profile" {
  type        = string
  description = "Existing instance profile with AmazonSSMManagedInstanceCore (NAME-bake by default); EC2 often does not know a temporary one yet when the agent asks for it."
  default     = null
}

variable "subnet_id" {
  type        = string
  description = "Subnet that can reach Session Manager and the package repository; null for one in the default VPC."
  default     = null
}

variable "publish" {
  type = object({
    kms_key_id = string
    regions    = map(string)
    accounts   = list(string)
  })
  description = "Where the image is published: its key, \"\" for the EBS default key; further regions, each with a key there, or \"\"; accounts that may launch the image, which need permission to use all these keys."
  default = {
    kms_key_id = ""
    regions    = {}
    accounts   = []
  }

  validation {
    condition     = length(var.publish.accounts) == 0 || contains(concat([var.publish.kms_key_id], values(var.publish.regions)), "") == false
    error_message = "An image encrypted with a default key cannot be used by other accounts, so publish.accounts needs a key in publish.kms_key_id and for each of publish.regions."
  }
}

variable "deprecate_after_days" {
  type        = number
  description = "Days until the image is hidden from other accounts. It stays until scripts/gc finds it unused."
  default     = 365
}

variable "name_suffix" {
  type        = string
  description = "Distinguishes a second bake of one release from the first, since names are unique."
  default     = ""
}
