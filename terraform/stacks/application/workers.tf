# What the pods in the cluster may do that work the orders off: the role is theirs by their
# service account's name, which is the same in every region.

data "aws_iam_policy_document" "workers_trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.cluster.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${var.cluster.oidc_issuer}:sub"
      values   = ["system:serviceaccount:${var.service}:workers"]
    }

    condition {
      test     = "StringEquals"
      variable = "${var.cluster.oidc_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "workers" {
  statement {
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${var.data.documents_arn}/*"]
  }

  statement {
    actions   = ["s3:ListBucket"]
    resources = [var.data.documents_arn]
  }

  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.data.secret_arn]
  }

  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.data.key_arn]
  }
}

module "workers_role" {
  source = "../../modules/role"

  name         = "${local.name}-workers"
  description  = "Pods that work the orders off"
  trust_policy = data.aws_iam_policy_document.workers_trust.json
  policies     = { work = data.aws_iam_policy_document.workers.json }
}
