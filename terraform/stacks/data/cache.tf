# Sessions and baskets. They are not restored: customers log in again.

resource "aws_elasticache_subnet_group" "sessions" {
  name        = "${local.name}-sessions"
  description = "Data subnets of ${local.name}"
  subnet_ids  = var.network.data_subnet_ids
}

resource "aws_elasticache_parameter_group" "sessions" {
  name        = "${local.name}-sessions"
  description = "Sessions of ${local.name}"
  family      = "redis7"

  # Baskets that nobody came back to make room; without this, writes fail when memory is full.
  parameter {
    name  = "maxmemory-policy"
    value = "allkeys-lru"
  }
}

module "sessions_firewall" {
  source = "../../modules/firewall"

  name        = "${local.name}-sessions"
  description = "The cache of sessions"
  vpc_id      = var.network.vpc_id
  ingress     = { "from the private subnets" = { port = 6379, cidr = var.network.private_cidr } }
}

resource "random_password" "sessions" {
  length  = 48
  special = false
}

resource "aws_elasticache_replication_group" "sessions" {
  replication_group_id = "${local.name}-sessions"
  description          = "Sessions and baskets of ${local.name}"

  engine               = "redis"
  engine_version       = "7.1"
  node_type            = var.cache_class
  parameter_group_name = aws_elasticache_parameter_group.sessions.name
  port                 = 6379

  # One node a zone, so that the loss of a zone costs no session.
  num_cache_clusters         = var.zones
  automatic_failover_enabled = true
  multi_az_enabled           = true

  subnet_group_name  = aws_elasticache_subnet_group.sessions.name
  security_group_ids = [module.sessions_firewall.id]

  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.data.arn
  transit_encryption_enabled = true
  auth_token                 = random_password.sessions.result
}
