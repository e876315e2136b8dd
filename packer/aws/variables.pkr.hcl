variable "region" {
  type        = string
  description = "Where the image is built."
}

variable "arch" {
  type        = string
  description = "Of the executable and the image: arm64 or x64."
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x64"], var.arch)
    error_message = "The value of arch must be arm64 or x64."
  }
}

variable "instance_profile" {
  type        = string
  description = "An instance profile with AmazonSSMManagedInstanceCore (NAME-bake by default), made beforehand: a temporary one is often not yet known to EC2 when the agent asks for it."
  default     = null
}

variable "subnet_id" {
  type        = string
  description = "A subnet from which Session Manager and the package repository can be reached; null is one of the default VPC."
  default     = null
}

variable "publish" {
  type = object({
    kms_key_id = string
    regions    = map(string)
    accounts   = list(string)
  })
  description = "Where to and under which keys: the key of the image, \"\" for the default one of EBS; more regions, each with a key there, or \"\"; accounts that may launch the image, which need the use of all these keys."
  default = {
    kms_key_id = ""
    regions    = {}
    accounts   = []
  }

  validation {
    condition     = length(var.publish.accounts) == 0 || contains(concat([var.publish.kms_key_id], values(var.publish.regions)), "") == false
    error_message = "An image under a default key cannot be used by other accounts, so publish.accounts wants a key in publish.kms_key_id and for each of publish.regions."
  }
}

variable "deprecate_after_days" {
  type        = number
  description = "From then on the image is no longer listed to other accounts. It stays until scripts/gc finds that nothing needs it."
  default     = 365
}

variable "name_suffix" {
  type        = string
  description = "Tells a second bake of one release from the first, as names are unique."
  default     = ""
}
