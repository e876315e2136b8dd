# The small variant, for less than half of the cost: terraform/README.md says what is given up.
# Before the first apply, copy it to small.auto.tfvars and commit that, so that every apply and deploy uses it.
instance_type       = "t4g.micro"
max_size            = 3
internet            = "public"
store_engine        = "elasticache"
store_node_type     = "cache.t4g.micro"
store_wait_replicas = 1
waf                 = false
log_retention_days  = 30
