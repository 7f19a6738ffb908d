# The orders.

# Only what lies in this very region counts: the copies that the primary's backup plan
# made here, not the snapshots of a region that may be gone.
data "aws_db_snapshot" "newest" {
  count = var.restore_from_snapshot ? 1 : 0

  db_instance_identifier = "${local.name}-orders"
  most_recent            = true
}

resource "aws_db_subnet_group" "orders" {
  name_prefix = "${local.name}-orders-"
  description = "Data subnets of ${local.name}"
  subnet_ids  = var.network.data_subnet_ids
}

resource "aws_db_parameter_group" "orders" {
  name_prefix = "${local.name}-orders-"
  description = "Orders of ${local.name}"
  family      = "postgres16"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "500"
  }

  # A group in use cannot be removed before its instance has another.
  lifecycle {
    create_before_destroy = true
  }
}

module "orders_firewall" {
  source = "../../modules/firewall"

  name        = "${local.name}-orders"
  description = "The database of orders"
  vpc_id      = var.network.vpc_id
  ingress     = { "from the private subnets" = { port = 5432, cidr = var.network.private_cidr } }
}

module "monitoring_role" {
  source = "../../modules/role"

  name             = "${local.name}-rds"
  description      = "Sends what the database's host measures to CloudWatch"
  service          = "monitoring.rds.amazonaws.com"
  managed_policies = ["service-role/AmazonRDSEnhancedMonitoringRole"]
}

resource "random_password" "orders" {
  length = 32
  # What PostgreSQL's connection strings and RDS both take without quoting.
  override_special = "-_.~"
}

# A final snapshot keeps its name for good: the next one needs another.
resource "random_id" "final_snapshot" {
  byte_length = 4
}

resource "aws_db_instance" "orders" {
  # The same name in every region, since snapshots are found by it.
  identifier = "${local.name}-orders"

  engine                     = "postgres"
  engine_version             = "16"
  auto_minor_version_upgrade = true
  instance_class             = var.database_class
  parameter_group_name       = aws_db_parameter_group.orders.name

  snapshot_identifier = one(data.aws_db_snapshot.newest[*].id)
  # A snapshot brings its databases along.
  db_name  = var.restore_from_snapshot ? null : "orders"
  username = "orders"
  password = random_password.orders.result

  storage_type          = "gp3"
  allocated_storage     = var.database_gigabytes
  max_allocated_storage = var.database_gigabytes * 5
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.data.arn

  multi_az               = true
  db_subnet_group_name   = aws_db_subnet_group.orders.name
  vpc_security_group_ids = [module.orders_firewall.id]
  publicly_accessible    = false

  backup_retention_period   = var.backup_days
  backup_window             = "17:00-18:00"
  maintenance_window        = "sun:18:30-sun:19:30"
  copy_tags_to_snapshot     = true
  deletion_protection       = var.protect
  skip_final_snapshot       = !var.protect
  final_snapshot_identifier = "${local.name}-orders-final-${random_id.final_snapshot.hex}"
  delete_automated_backups  = false

  monitoring_interval             = 60
  monitoring_role_arn             = module.monitoring_role.arn
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.data.arn
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]

  # Tomorrow there is a newer snapshot, which must not replace the database that began with today's.
  lifecycle {
    ignore_changes = [snapshot_identifier]
  }
}
