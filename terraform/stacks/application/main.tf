# The storefront: a load balancer before a group of instances, which find the data by
# parameters of their own region.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  name     = "${var.service}-${var.environment}"
  registry = "${data.aws_caller_identity.current.account_id}.dkr.ecr.${var.region}.${data.aws_partition.current.dns_suffix}"
  # Parameters are regional, so that their names need no region, and no code has to know one.
  parameters = "/${var.service}/${var.environment}"
}

resource "aws_ssm_parameter" "connection" {
  for_each = {
    database  = var.data.database_endpoint
    sessions  = var.data.sessions_endpoint
    documents = var.data.documents_bucket
    secret    = var.data.secret_arn
    cluster   = var.cluster.name
  }

  name        = "${local.parameters}/${each.key}"
  description = "Where ${local.name} finds its ${each.key}"
  type        = "String"
  value       = each.value
}
