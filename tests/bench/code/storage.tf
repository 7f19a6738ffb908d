# The data of svc0, encrypted with a key of its own.
resource "aws_kms_key" "svc0" {
  description             = "Encrypts the data of svc0 in ${var.environment}"
  deletion_window_in_days = 30
  enable_key_rotation     = true
  tags                    = local.tags
}

resource "aws_s3_bucket" "svc0" {
  bucket        = "${local.name}-svc0-${local.account_id}-${var.region}"
  force_destroy = var.environment != "production"
  tags          = local.tags
}

resource "aws_s3_bucket_versioning" "svc0" {
  bucket = aws_s3_bucket.svc0.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "svc0" {
  bucket = aws_s3_bucket.svc0.id

  dynamic "rule" {
    for_each = { logs = 30, exports = 90 }
    content {
      id     = rule.key
      status = "Enabled"
      filter { prefix = "${rule.key}/" }
      expiration { days = rule.value }
    }
  }
}

resource "aws_dynamodb_table" "svc0" {
  name         = "${local.name}-svc0"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.svc0.arn
  }
}

