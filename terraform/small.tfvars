# The small variant: about three quarters of the cost. A write can be lost with its node, and nothing filters requests.
# For every apply and deploy, before the first: copy it to small.auto.tfvars and commit that.
instance_type       = "t4g.micro"
max_size            = 3
store_engine        = "elasticache"
store_node_type     = "cache.t4g.micro"
store_wait_replicas = 1
waf                 = false
log_retention_days  = 30
