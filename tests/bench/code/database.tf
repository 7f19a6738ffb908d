# The database of svc0.
resource "random_password" "svc0" {
  length  = 32
  special = false
}

resource "aws_rds_cluster" "svc0" {
  cluster_identifier        = "${local.name}-svc0"
  engine                    = "aurora-postgresql"
  engine_version            = "15.4"
  availability_zones        = local.azs
  database_name             = "svc0"
  master_username           = "app"
  master_password           = random_password.svc0.result
  backup_retention_period   = var.environment == "production" ? 14 : 1
  storage_encrypted         = true
  deletion_protection       = var.environment == "production"
  final_snapshot_identifier = format("%s-svc0-%s", local.name, "final")
}

resource "aws_rds_cluster_instance" "svc0" {
  count = var.environment == "production" ? 2 : 1

  identifier         = "${local.name}-svc0-${count.index}"
  cluster_identifier = aws_rds_cluster.svc0.id
  instance_class     = "db.r6g.large"
  engine             = aws_rds_cluster.svc0.engine
}

resource "aws_ssm_parameter" "svc0" {
  for_each = {
    host = aws_rds_cluster.svc0.endpoint
    port = tostring(aws_rds_cluster.svc0.port)
    name = aws_rds_cluster.svc0.database_name
  }

  name  = "/${local.name}/svc0/database/${each.key}"
  type  = "SecureString"
  value = each.value
}

