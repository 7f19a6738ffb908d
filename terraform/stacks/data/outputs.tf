output "data" {
  description = "Where the data is and what opens it, for the application."
  value = {
    database_endpoint = aws_db_instance.orders.endpoint
    sessions_endpoint = aws_elasticache_replication_group.sessions.primary_endpoint_address
    documents_bucket  = aws_s3_bucket.documents.bucket
    documents_arn     = aws_s3_bucket.documents.arn
    secret_arn        = aws_secretsmanager_secret.data.arn
    key_arn           = aws_kms_key.data.arn
  }
}

output "restored_from" {
  description = "The snapshot that the database began with, or null when it began empty."
  value       = one(data.aws_db_snapshot.newest[*].id)
}

output "restored_until" {
  description = "When that snapshot was taken, as RFC 3339: what was ordered later is lost. Null when it began empty."
  value = one([
    for snapshot in data.aws_db_snapshot.newest : formatdate("YYYY-MM-DD'T'hh:mm:ssZ", snapshot.snapshot_create_time)
  ])
}
