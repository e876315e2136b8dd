variable "name" {
  description = "Name of the Auto Scaling group, and prefix of what belongs to it"
  type        = string
}

variable "region" {
  description = "AWS region of the group"
  type        = string
}

variable "tags" {
  description = "Tags of the group's launch template and instances"
  type        = map(string)
}
