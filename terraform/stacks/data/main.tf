# What must not be lost. All of it is encrypted with one key, which every region has its own of.

data "aws_caller_identity" "current" {}

locals {
  name       = "${var.service}-${var.environment}"
  replicated = var.replica_region != var.region
}

resource "aws_kms_key" "data" {
  description             = "Orders, sessions and documents of ${local.name}"
  multi_region            = true
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "data" {
  name_prefix   = "alias/${local.name}-data-"
  target_key_id = aws_kms_key.data.key_id
}

resource "aws_kms_replica_key" "data" {
  count    = local.replicated ? 1 : 0
  provider = aws.replica

  description             = "Orders, sessions and documents of ${local.name}, copied from ${var.region}"
  primary_key_arn         = aws_kms_key.data.arn
  deletion_window_in_days = 30
}
