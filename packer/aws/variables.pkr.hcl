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
  description = "An instance profile with AmazonSSMManagedInstanceCore, made beforehand: a temporary one is often not yet known to EC2 when the agent asks for it."
  default     = "hello-bake"
}

variable "subnet_id" {
  type        = string
  description = "A subnet from which Session Manager and the package repository can be reached; null is one of the default VPC."
  default     = null
}

variable "copy_to_regions" {
  type        = list(string)
  description = "More regions to have the image in."
  default     = []
}

variable "share_with_accounts" {
  type        = list(string)
  description = "Accounts that may launch the image; they also need the use of kms_key_id, as an image under the default key cannot be shared."
  default     = []
}

variable "kms_key_id" {
  type        = string
  description = "Encrypts the image; null is the account's default key."
  default     = null
}

variable "deprecate_after_days" {
  type        = number
  description = "From then on the image is no longer listed to others; scripts/gc removes it."
  default     = 365
}

variable "name_suffix" {
  type        = string
  description = "Tells a second bake of one release from the first, as names are unique."
  default     = ""
}

variable "manifest" {
  type        = string
  description = "The manifest to add this bake to."
}
