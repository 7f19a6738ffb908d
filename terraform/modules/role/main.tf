# An IAM role with what it may do. Roles are global: the name is a prefix, so that the
# role of one region never stands in the way of the same role of another.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81, < 7.0"
    }
  }
}

data "aws_partition" "current" {}

data "aws_iam_policy_document" "trust" {
  count = var.service == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [var.service]
    }
  }
}

resource "aws_iam_role" "this" {
  name_prefix          = "${var.name}-"
  description          = var.description
  assume_role_policy   = var.service == null ? var.trust_policy : data.aws_iam_policy_document.trust[0].json
  max_session_duration = 3600

  lifecycle {
    precondition {
      condition     = (var.service == null) != (var.trust_policy == null)
      error_message = "Give the role either a service that may assume it or a trust policy."
    }
  }
}

resource "aws_iam_role_policy_attachment" "managed" {
  for_each = var.managed_policies

  role       = aws_iam_role.this.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/${each.value}"
}

resource "aws_iam_role_policy" "own" {
  for_each = var.policies

  name   = each.key
  role   = aws_iam_role.this.id
  policy = each.value
}
