locals {
  store_port         = 6379
  store_user         = local.name
  store_node_type    = coalesce(var.store_node_type, var.store_engine == "memorydb" ? "db.t4g.small" : "cache.t4g.small")
  store_endpoint     = var.store_engine == "memorydb" ? aws_memorydb_cluster.main[0].cluster_endpoint[0].address : aws_elasticache_replication_group.main[0].configuration_endpoint_address
  password_parameter = "/${local.service}/${var.environment}/redis-password"
  tokens_parameter   = "/${local.service}/${var.environment}/tokens"

  # Unique for each time the environment is made: a name that is taken would fail the tear-down.
  final_snapshot = "${local.name}-final-${trimprefix(aws_vpc.main.id, "vpc-")}"

  # Both engines name a node after its shard and its position in it.
  store_nodes = toset([for pair in setproduct(range(1, var.store_shards + 1), range(1, var.store_replicas + 2)) : format("%s-%04d-%03d", local.name, pair[0], pair[1])])

  memorydb_user_arn    = "arn:${local.partition}:memorydb:${var.region}:${local.account_id}:user/${local.store_user}"
  elasticache_user_arn = "arn:${local.partition}:elasticache:${var.region}:${local.account_id}:user:${local.store_user}"

  # The commands the service sends, on its own keys, those a client needs to discover a cluster, and SCAN for exports: whoever
  # has the password can list the hashes of names.
  store_access = "on ~${local.service}:* resetchannels -@all +get +set +del +scan +wait +ping +hello +auth +client|setinfo +client|setname +readonly +asking +info +cluster|slots +cluster|shards +cluster|nodes +cluster|info"
}

# Created by scripts/secrets before the first apply. Its value is in the state, which is why that is encrypted, but in no
# plan output and no user data.
data "aws_ssm_parameter" "redis_password" {
  name            = local.password_parameter
  with_decryption = true
}

################################################################################
# MemoryDB: an acknowledged write is in the transaction log of several zones
################################################################################

resource "aws_memorydb_subnet_group" "main" {
  count = var.store_engine == "memorydb" ? 1 : 0

  name       = local.name
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_memorydb_user" "main" {
  count = var.store_engine == "memorydb" ? 1 : 0

  user_name     = local.store_user
  access_string = local.store_access

  authentication_mode {
    type      = "password"
    passwords = [data.aws_ssm_parameter.redis_password.value]
  }

  # From then on, scripts/secrets rotate replaces it: an apply in the midst of that would remove one of the two in use.
  lifecycle {
    ignore_changes = [authentication_mode]
  }
}

resource "aws_memorydb_acl" "main" {
  count = var.store_engine == "memorydb" ? 1 : 0

  name       = local.name
  user_names = [aws_memorydb_user.main[0].user_name]
}

resource "aws_memorydb_cluster" "main" {
  count = var.store_engine == "memorydb" ? 1 : 0

  name                     = local.name
  engine                   = "valkey"
  engine_version           = "7.2"
  node_type                = local.store_node_type
  num_shards               = var.store_shards
  num_replicas_per_shard   = var.store_replicas
  port                     = local.store_port
  acl_name                 = aws_memorydb_acl.main[0].name
  subnet_group_name        = aws_memorydb_subnet_group.main[0].name
  security_group_ids       = [aws_security_group.store.id]
  tls_enabled              = true
  kms_key_arn              = aws_kms_key.main.arn
  snapshot_retention_limit = var.store_snapshot_days
  snapshot_window          = "02:00-03:00"
  maintenance_window       = "sun:03:30-sun:04:30"
  final_snapshot_name      = local.final_snapshot
  snapshot_name            = var.store_snapshot
  # A version that AWS had moved would be one that the configuration does not name, and every later plan would replace the
  # store, which is refused. Raise engine_version instead.
  auto_minor_version_upgrade = false

  # Switching the engine or changing the name would destroy the data. From which snapshot it was made does not matter later.
  lifecycle {
    prevent_destroy = true
    ignore_changes  = [snapshot_name]
  }
}

################################################################################
# ElastiCache: cheaper, but a write may be lost with its node
################################################################################

resource "aws_elasticache_subnet_group" "main" {
  count = var.store_engine == "elasticache" ? 1 : 0

  name       = local.name
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_elasticache_parameter_group" "main" {
  count = var.store_engine == "elasticache" ? 1 : 0

  name        = local.name
  family      = "valkey8"
  description = "A cluster that refuses a write rather than forget another"

  parameter {
    name  = "cluster-enabled"
    value = "yes"
  }

  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

resource "aws_elasticache_user" "main" {
  count = var.store_engine == "elasticache" ? 1 : 0

  user_id       = local.store_user
  user_name     = local.store_user
  engine        = "valkey"
  access_string = local.store_access

  authentication_mode {
    type      = "password"
    passwords = [data.aws_ssm_parameter.redis_password.value]
  }

  # From then on, scripts/secrets rotate replaces it: an apply in the midst of that would remove one of the two in use.
  lifecycle {
    ignore_changes = [authentication_mode]
  }
}

resource "aws_elasticache_user_group" "main" {
  count = var.store_engine == "elasticache" ? 1 : 0

  user_group_id = local.name
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.main[0].user_id]
}

resource "aws_elasticache_replication_group" "main" {
  count = var.store_engine == "elasticache" ? 1 : 0

  # checkov:skip=CKV_AWS_31:clients authenticate as a user of the group, which rules out an auth token
  replication_group_id       = local.name
  description                = "What the service stores"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = local.store_node_type
  cluster_mode               = "enabled"
  num_node_groups            = var.store_shards
  replicas_per_node_group    = var.store_replicas
  port                       = local.store_port
  parameter_group_name       = aws_elasticache_parameter_group.main[0].name
  subnet_group_name          = aws_elasticache_subnet_group.main[0].name
  security_group_ids         = [aws_security_group.store.id]
  user_group_ids             = [aws_elasticache_user_group.main[0].user_group_id]
  automatic_failover_enabled = true
  multi_az_enabled           = true
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  kms_key_id                 = aws_kms_key.main.arn
  snapshot_retention_limit   = var.store_snapshot_days
  snapshot_window            = "02:00-03:00"
  maintenance_window         = "sun:03:30-sun:04:30"
  final_snapshot_identifier  = local.final_snapshot
  snapshot_name              = var.store_snapshot
  auto_minor_version_upgrade = false
  apply_immediately          = true

  log_delivery_configuration {
    destination      = aws_cloudwatch_log_group.main["store"].name
    destination_type = "cloudwatch-logs"
    log_format       = "json"
    log_type         = "engine-log"
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [snapshot_name]
  }
}
