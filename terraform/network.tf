################################################################################
# Network: instances and store in private subnets without internet access
################################################################################

resource "aws_vpc" "main" {
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = local.name }
}

resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "${local.name}-closed" }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = local.name }
}

################################################################################
# Subnets and routes
################################################################################

resource "aws_subnet" "public" {
  for_each = { for index, zone in local.zones : zone => index }

  vpc_id               = aws_vpc.main.id
  availability_zone_id = each.key
  cidr_block           = cidrsubnet(var.vpc_cidr, 4, each.value)
  tags                 = { Name = "${local.name}-public-${each.key}" }
}

resource "aws_subnet" "private" {
  for_each = { for index, zone in local.zones : zone => index }

  vpc_id               = aws_vpc.main.id
  availability_zone_id = each.key
  cidr_block           = cidrsubnet(var.vpc_cidr, 4, 8 + each.value)
  tags                 = { Name = "${local.name}-private-${each.key}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "${local.name}-public" }
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  for_each = toset(local.zones)

  vpc_id = aws_vpc.main.id
  tags   = { Name = "${local.name}-private-${each.key}" }
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}

################################################################################
# NAT: optional internet access
################################################################################

resource "aws_eip" "nat" {
  for_each = toset(var.internet == "nat" ? local.zones : [])

  domain = "vpc"
  tags   = { Name = "${local.name}-nat-${each.key}" }
}

resource "aws_nat_gateway" "nat" {
  for_each = aws_eip.nat

  allocation_id = each.value.id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = { Name = "${local.name}-${each.key}" }
  depends_on    = [aws_internet_gateway.main]
}

resource "aws_route" "nat" {
  for_each = aws_nat_gateway.nat

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = each.value.id
}

################################################################################
# Endpoints: the AWS services that an instance needs, and nothing else
################################################################################

resource "aws_vpc_endpoint" "interface" {
  for_each = toset(var.internet == "public" ? [] : ["ssm", "ssmmessages", "logs"])

  vpc_id              = aws_vpc.main.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
  policy              = data.aws_iam_policy_document.endpoints.json
  tags                = { Name = "${local.name}-${each.key}" }
}

# Only the instances' own role, and what it may do: with foreign keys, data could be sent to a foreign account.
data "aws_iam_policy_document" "endpoints" {
  statement {
    actions   = distinct(flatten(data.aws_iam_policy_document.instance.statement[*].actions))
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [aws_iam_role.instance.arn]
    }
  }
}

################################################################################
# Security groups
################################################################################

resource "aws_security_group" "load_balancer" {
  name        = "${local.name}-load-balancer"
  description = "The load balancer: from callers, to instances"
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.name}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "callers" {
  for_each = { for pair in setproduct(local.listener_ports, var.ingress_cidrs) : "${pair[0]} from ${pair[1]}" => pair }

  # checkov:skip=CKV_AWS_260:port 80 only redirects to 443
  security_group_id = aws_security_group.load_balancer.id
  description       = "Callers"
  cidr_ipv4         = each.value[1]
  from_port         = each.value[0]
  to_port           = each.value[0]
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_to_instances" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "Requests and health checks"
  referenced_security_group_id = aws_security_group.instances.id
  from_port                    = local.port
  to_port                      = local.port
  ip_protocol                  = "tcp"
}

resource "aws_security_group" "instances" {
  name        = "${local.name}-instances"
  description = "Instances: from the load balancer, to the store and AWS"
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.name}-instances" }
}

resource "aws_vpc_security_group_ingress_rule" "instances_from_load_balancer" {
  security_group_id            = aws_security_group.instances.id
  description                  = "Requests and health checks"
  referenced_security_group_id = aws_security_group.load_balancer.id
  from_port                    = local.port
  to_port                      = local.port
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "instances_to_store" {
  security_group_id            = aws_security_group.instances.id
  description                  = "The store"
  referenced_security_group_id = aws_security_group.store.id
  from_port                    = local.store_port
  to_port                      = local.store_port
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "instances_to_endpoints" {
  security_group_id            = aws_security_group.instances.id
  description                  = "Systems Manager and CloudWatch Logs"
  referenced_security_group_id = aws_security_group.endpoints.id
  from_port                    = 443
  to_port                      = 443
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "instances_to_internet" {
  count = var.internet == "none" ? 0 : 1

  security_group_id = aws_security_group.instances.id
  description       = "Internet"
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_security_group" "endpoints" {
  name        = "${local.name}-endpoints"
  description = "Endpoints of AWS services: from instances"
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_instances" {
  security_group_id            = aws_security_group.endpoints.id
  description                  = "Systems Manager and CloudWatch Logs"
  referenced_security_group_id = aws_security_group.instances.id
  from_port                    = 443
  to_port                      = 443
  ip_protocol                  = "tcp"
}

resource "aws_security_group" "store" {
  name        = "${local.name}-store"
  description = "The store: from instances"
  vpc_id      = aws_vpc.main.id
  tags        = { Name = "${local.name}-store" }
}

resource "aws_vpc_security_group_ingress_rule" "store_from_instances" {
  security_group_id            = aws_security_group.store.id
  description                  = "The service"
  referenced_security_group_id = aws_security_group.instances.id
  from_port                    = local.store_port
  to_port                      = local.store_port
  ip_protocol                  = "tcp"
}
