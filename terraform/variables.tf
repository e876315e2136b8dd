################################################################################
# Release: written by scripts/bump to release.auto.tfvars.json
################################################################################

variable "release" {
  description = "Commit to run: 40 hexadecimal digits"
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{40}$", var.release))
    error_message = "release is \"${var.release}\", but must be a full commit id of 40 hexadecimal digits. A tree with uncommitted changes (-dirty) is not shipped: commit, bake, and run scripts/bump."
  }
}

variable "ami_id" {
  description = "ID of the AMI baked from that commit"
  type        = string

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "ami_id is \"${var.ami_id}\", but must be the id of one image, such as ami-0123456789abcdef0. A name or an SSM alias would make a rollback impossible: use the id that scripts/bake printed."
  }
}

# tflint-ignore: terraform_unused_declarations
variable "history" {
  description = "Previous releases, newest first; kept for scripts/bump, used by no resource"
  type        = list(object({ release = string, ami_id = string, bumped_at = string }))
  default     = []
}

variable "retry_rolled_back" {
  description = "Retry a release that was rolled back before"
  type        = bool
  default     = false
}

################################################################################
# Place
################################################################################

variable "environment" {
  description = "Environment name; part of every resource name"
  type        = string
  default     = "production"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}[a-z0-9]$", var.environment)) && var.environment != "local"
    error_message = "environment is \"${var.environment}\", but must be 2 to 17 lower-case letters, digits and hyphens, start with a letter, and not be \"local\" (where the service requires no token)."
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

variable "zone_count" {
  description = "Availability zones to span"
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "zone_count is ${var.zone_count}, but must be 2 or 3: with one zone, its failure is an outage, and a fourth only adds cost."
  }
}

variable "vpc_cidr" {
  description = "Private address range of the VPC"
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 4, 15)) && try(tonumber(split("/", var.vpc_cidr)[1]) >= 16 && tonumber(split("/", var.vpc_cidr)[1]) <= 22, false)
    error_message = "vpc_cidr is \"${var.vpc_cidr}\", but must be an IPv4 network from /16 to /22, such as 10.20.0.0/16."
  }
}

variable "internet" {
  description = "How instances reach the internet, which the service does not need: none; nat: through a gateway in each zone; public: through addresses of their own, with which they need no endpoints"
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "nat", "public"], var.internet)
    error_message = "internet is \"${var.internet}\", but must be \"none\", \"nat\", or \"public\" to save the endpoints and let instances reach any host on port 443."
  }
}

################################################################################
# Load balancer
################################################################################

variable "domain" {
  description = "Host name to serve over HTTPS; without it the service uses plain HTTP on its own port"
  type        = string
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.domain))
    error_message = "domain is \"${coalesce(var.domain, "null")}\", but must be a host name in lower case, such as www.example.com, without https:// and without a path."
  }
}

variable "zone_id" {
  description = "Route 53 zone ID of the domain; with it the certificate is validated and the DNS records are created here"
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || (var.domain != null && can(regex("^Z[A-Z0-9]{5,31}$", var.zone_id)))
    error_message = "zone_id is \"${coalesce(var.zone_id, "null")}\", but must be the id of a Route 53 zone, such as Z0123456789ABCDEFGHIJ, and domain must be set too."
  }
}

variable "ingress_cidrs" {
  description = "IPv4 networks that may reach the load balancer"
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.ingress_cidrs) > 0 && alltrue([for cidr in var.ingress_cidrs : can(cidrnetmask(cidr))])
    error_message = "ingress_cidrs is ${jsonencode(var.ingress_cidrs)}, but must contain at least one IPv4 network, such as 203.0.113.0/24; an empty list would lock everybody out."
  }
}

variable "waf" {
  description = "Put AWS WAF in front of the load balancer"
  type        = bool
  default     = true
}

variable "waf_rate_limit" {
  description = "Requests allowed per address in five minutes; a rollout's probe sends about 3000"
  type        = number
  default     = 10000

  validation {
    condition     = var.waf_rate_limit >= 5000 && var.waf_rate_limit <= 2000000000
    error_message = "waf_rate_limit is ${var.waf_rate_limit}, but must be from 5000 to 2000000000: below that, a rollout's probe would be blocked and the rollout would fail."
  }
}

variable "deletion_protection" {
  description = "Protect the load balancer and the access logs from deletion"
  type        = bool
  default     = true
}

################################################################################
# Group
################################################################################

variable "instance_type" {
  description = "Instance type; its architecture must match the image"
  type        = string
  default     = "t4g.small"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", var.instance_type)) && !endswith(var.instance_type, ".nano")
    error_message = "instance_type is \"${var.instance_type}\", but must be a type such as t4g.small (arm64) or t3.small (x64), with 1 GiB of memory or more: a worker may take 512 MiB."
  }
}

variable "min_size" {
  description = "Minimum number of instances"
  type        = number
  default     = 2

  validation {
    condition     = var.min_size >= 2
    error_message = "min_size is ${var.min_size}, but must be at least 2: with one instance, losing it or its zone is an outage."
  }
}

variable "max_size" {
  description = "Maximum number of instances"
  type        = number
  default     = 6

  validation {
    condition     = var.max_size > var.min_size
    error_message = "max_size is ${var.max_size}, but must be greater than min_size (${var.min_size}): otherwise the group cannot grow under load, and a drained instance cannot come back."
  }
}

variable "cpu_target_percent" {
  description = "Target average CPU utilisation, in percent"
  type        = number
  default     = 50

  validation {
    condition     = var.cpu_target_percent >= 20 && var.cpu_target_percent <= 80
    error_message = "cpu_target_percent is ${var.cpu_target_percent}, but must be from 20 to 80: above that there is no headroom while a new instance boots."
  }
}

variable "requests_per_target" {
  description = "Target requests per instance per minute"
  type        = number
  default     = 60000

  validation {
    condition     = var.requests_per_target >= 100
    error_message = "requests_per_target is ${var.requests_per_target}, but must be at least 100 a minute: fewer would launch instances without load."
  }
}

variable "auth" {
  description = "tokens: callers need a token; none: no authentication"
  type        = string
  default     = "tokens"

  validation {
    condition     = contains(["tokens", "none"], var.auth)
    error_message = "auth is \"${var.auth}\", but must be \"tokens\", or \"none\" to deliberately let everybody read and write."
  }
}

variable "timezone" {
  description = "IANA time zone that decides which day it is"
  type        = string
  default     = "UTC"

  validation {
    condition     = can(regex("^[A-Za-z]+([/_+-][A-Za-z0-9_+-]+)*$", var.timezone))
    error_message = "timezone is \"${var.timezone}\", but must be a zone such as UTC or Europe/Berlin."
  }
}

variable "log_level" {
  description = "Log level of the service"
  type        = string
  default     = "info"

  validation {
    condition     = contains(["debug", "info", "warn", "error", "silent"], var.log_level)
    error_message = "log_level is \"${var.log_level}\", but must be one of debug, info, warn, error, silent."
  }
}

################################################################################
# Store
################################################################################

variable "store_engine" {
  description = "memorydb: a write survives the loss of a zone; elasticache: cheaper, replicates asynchronously"
  type        = string
  default     = "memorydb"

  validation {
    condition     = contains(["memorydb", "elasticache"], var.store_engine)
    error_message = "store_engine is \"${var.store_engine}\", but must be \"memorydb\" (durable) or \"elasticache\" (cheaper, asynchronous)."
  }
}

variable "store_node_type" {
  description = "Node type of the store; null for t4g.small, the smallest that MemoryDB has"
  type        = string
  default     = null

  validation {
    condition     = var.store_node_type == null || can(regex(var.store_engine == "memorydb" ? "^db\\." : "^cache\\.", var.store_node_type))
    error_message = "store_node_type is \"${coalesce(var.store_node_type, "null")}\", but must begin with \"db.\" for memorydb and with \"cache.\" for elasticache, as in db.t4g.small and cache.t4g.micro."
  }
}

variable "store_shards" {
  description = "Shards of the store; more hold more data and handle more writes"
  type        = number
  default     = 1

  validation {
    condition     = var.store_shards >= 1 && var.store_shards <= 100
    error_message = "store_shards is ${var.store_shards}, but must be from 1 to 100."
  }
}

variable "store_replicas" {
  description = "Replicas per shard"
  type        = number
  default     = 1

  validation {
    condition     = var.store_replicas >= 1 && var.store_replicas <= 5
    error_message = "store_replicas is ${var.store_replicas}, but must be from 1 to 5: without a replica the loss of a node is an outage, and with elasticache a loss of data."
  }
}

variable "store_wait_replicas" {
  description = "Replicas that must have a write before it is acknowledged; elasticache only"
  type        = number
  default     = 0

  validation {
    condition     = var.store_wait_replicas >= 0 && var.store_wait_replicas <= (var.store_engine == "elasticache" ? var.store_replicas : 0)
    error_message = "store_wait_replicas is ${var.store_wait_replicas}, but must be from 0 to store_replicas (${var.store_replicas}) with elasticache, and 0 with memorydb, whose writes are durable anyway."
  }
}

variable "store_snapshot_days" {
  description = "Days to keep daily snapshots of the store"
  type        = number
  default     = 14

  validation {
    condition     = var.store_snapshot_days >= 1 && var.store_snapshot_days <= 35
    error_message = "store_snapshot_days is ${var.store_snapshot_days}, but must be from 1 to 35: the data is not a cache."
  }
}

variable "store_snapshot" {
  description = "Name of a snapshot to make the store from, where there is none; later it does not matter"
  type        = string
  default     = null
}

################################################################################
# Operations
################################################################################

variable "log_retention_days" {
  description = "Days to keep logs"
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827], var.log_retention_days)
    error_message = "log_retention_days is ${var.log_retention_days}, but CloudWatch Logs accepts only 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096 and 1827."
  }
}

variable "alarm_email" {
  description = "Email address for alarms; its owner must confirm the subscription"
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.alarm_email))
    error_message = "alarm_email is \"${coalesce(var.alarm_email, "null")}\", but must be one address, such as ops@example.com."
  }
}

variable "alarm_p99_seconds" {
  description = "p99 latency alarm threshold, in seconds"
  type        = number
  default     = 0.5

  validation {
    condition     = var.alarm_p99_seconds > 0 && var.alarm_p99_seconds <= 5
    error_message = "alarm_p99_seconds is ${var.alarm_p99_seconds}, but must be above 0 and at most 5, the longest a request may take."
  }
}
