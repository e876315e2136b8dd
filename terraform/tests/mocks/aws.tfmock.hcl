# The AWS responses that a plan depends on; everything else may be anything.
mock_data "aws_availability_zones" {
  defaults = { zone_ids = ["euw1-az3", "euw1-az1", "euw1-az2"] }
}

mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws" }
}

mock_data "aws_iam_policy_document" {
  defaults = { json = "{}" }
}

mock_data "aws_ssm_parameter" {
  defaults = { value = "correct horse battery staple" }
}

mock_resource "aws_memorydb_cluster" {
  defaults = { cluster_endpoint = [{ address = "clustercfg.store.memorydb.example", port = 6379 }] }
}

mock_resource "aws_elasticache_replication_group" {
  defaults = { configuration_endpoint_address = "clustercfg.store.cache.example" }
}

mock_resource "aws_acm_certificate" {
  defaults = { domain_validation_options = [{ domain_name = "www.example.com", resource_record_name = "_1.www.example.com", resource_record_type = "CNAME", resource_record_value = "_2.acm.example" }] }
}

mock_resource "aws_lb" {
  defaults = { dns_name = "lb.elb.example", arn_suffix = "app/lb/50dc6c495c0c9188" }
}

mock_resource "aws_launch_template" {
  defaults = { id = "lt-0123456789abcdef0", latest_version = 1 }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:alarms" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
}

mock_resource "aws_vpc" {
  defaults = { id = "vpc-0123456789abcdef0" }
}
