# What svc0 may do.
data "aws_iam_policy_document" "svc0" {
  statement {
    sid     = "ReadObjects"
    actions = ["s3:GetObject", "s3:ListBucket"]
    resources = [
      "arn:${local.partition}:s3:::${local.name}-svc0",
      "arn:${local.partition}:s3:::${local.name}-svc0/*",
    ]
  }

  statement {
    sid       = "UseKeys"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["arn:${local.partition}:kms:${var.region}:${local.account_id}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "svc0" {
  name = "${local.name}-svc0"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
    }]
  })
  tags = local.tags
}

resource "aws_iam_role_policy" "svc0" {
  name   = "svc0"
  role   = aws_iam_role.svc0.id
  policy = data.aws_iam_policy_document.svc0.json
}

