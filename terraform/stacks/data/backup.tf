# Every hour a backup, and a copy of it in the region that would be rebuilt into: without
# the copy, the newest data that can be restored lies in the region that is down. All of it
# is made in the primary only.

resource "aws_backup_vault" "here" {
  count = local.replicated ? 1 : 0

  name        = "${local.name}-${var.region}"
  kms_key_arn = aws_kms_key.data.arn
}

resource "aws_backup_vault" "replica" {
  count    = local.replicated ? 1 : 0
  provider = aws.replica

  name        = "${local.name}-from-${var.region}"
  kms_key_arn = one(aws_kms_replica_key.data[*].arn)
}

module "backup_role" {
  source = "../../modules/role"
  count  = local.replicated ? 1 : 0

  name             = "${local.name}-backup"
  description      = "Backs the database up and copies the backups"
  service          = "backup.amazonaws.com"
  managed_policies = ["service-role/AWSBackupServiceRolePolicyForBackup"]
}

resource "aws_backup_plan" "hourly" {
  count = local.replicated ? 1 : 0

  name = "${local.name}-hourly"

  rule {
    rule_name         = "hourly"
    target_vault_name = aws_backup_vault.here[0].name
    schedule          = "cron(0 * * * ? *)"
    start_window      = 60
    completion_window = 180

    lifecycle {
      delete_after = var.backup_days
    }

    copy_action {
      destination_vault_arn = aws_backup_vault.replica[0].arn

      lifecycle {
        delete_after = var.backup_days
      }
    }
  }
}

resource "aws_backup_selection" "orders" {
  count = local.replicated ? 1 : 0

  name         = "orders"
  plan_id      = aws_backup_plan.hourly[0].id
  iam_role_arn = module.backup_role[0].arn
  resources    = [aws_db_instance.orders.arn]
}
