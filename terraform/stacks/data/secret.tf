# How to reach the data, for pods and instances. The name is a prefix: a deleted secret
# keeps its name for a week, and a copy from the primary may stand here already.

resource "aws_secretsmanager_secret" "data" {
  name_prefix             = "${local.name}-data-"
  description             = "How to reach the orders and the sessions of ${local.name} in ${var.region}"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = var.protect ? 7 : 0

  dynamic "replica" {
    for_each = local.replicated ? [var.replica_region] : []

    content {
      region     = replica.value
      kms_key_id = one(aws_kms_replica_key.data[*].arn)
    }
  }
}

resource "aws_secretsmanager_secret_version" "data" {
  secret_id = aws_secretsmanager_secret.data.id
  secret_string = jsonencode({
    database = {
      host     = aws_db_instance.orders.address
      port     = aws_db_instance.orders.port
      name     = "orders"
      username = aws_db_instance.orders.username
      password = random_password.orders.result
    }
    sessions = {
      host     = aws_elasticache_replication_group.sessions.primary_endpoint_address
      port     = 6379
      password = random_password.sessions.result
    }
  })
}
