variable "repository" {
  description = "GitHub repository whose workflows may assume the roles, as OWNER@ID/NAME@ID"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+@[0-9]+/[A-Za-z0-9._-]+@[0-9]+$", var.repository))
    error_message = "repository is \"${var.repository}\", but must be OWNER@ID/NAME@ID with GitHub's numbers, as gh api repos/OWNER/NAME --jq '\"\\(.owner.login)@\\(.owner.id)/\\(.name)@\\(.id)\"' prints it."
  }
}

variable "environment" {
  description = "Environment that the workflows plan and deploy, as in the root module; also the name of the GitHub environment"
  type        = string
  default     = "production"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}[a-z0-9]$", var.environment))
    error_message = "environment is \"${var.environment}\", but must be 2 to 17 lower-case letters, digits and hyphens, and start with a letter."
  }
}

variable "region" {
  description = "AWS region"
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]$", var.region)) && !can(regex("^(cn-|us-iso|eu-iso)", var.region))
    error_message = "region is \"${var.region}\", but must be the code of a region, such as eu-west-1, and not of China or a secret cloud, where services have other names."
  }
}

variable "bake_subnet_id" {
  description = "Subnet of the bake workflow's build instances, the same as Packer's subnet_id; null for any in the default VPC"
  type        = string
  default     = null

  validation {
    condition     = var.bake_subnet_id == null || can(regex("^subnet-[0-9a-f]{8,17}$", var.bake_subnet_id))
    error_message = "bake_subnet_id is \"${coalesce(var.bake_subnet_id, "null")}\", but must be the id of a subnet, such as subnet-0123456789abcdef0."
  }
}
