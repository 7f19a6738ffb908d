# The Kubernetes cluster that works the orders off.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  name = "${var.service}-${var.environment}"
}

module "cluster_role" {
  source = "../../modules/role"

  name             = "${local.name}-eks"
  description      = "The control plane of ${local.name}"
  service          = "eks.amazonaws.com"
  managed_policies = ["AmazonEKSClusterPolicy"]
}

resource "aws_kms_key" "secrets" {
  description             = "Kubernetes secrets of ${local.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 7
}

# EKS would make the group itself, and keep its logs for ever.
resource "aws_cloudwatch_log_group" "control_plane" {
  name              = "/aws/eks/${local.name}/cluster"
  retention_in_days = var.log_days
}

module "control_plane_firewall" {
  source = "../../modules/firewall"

  name        = "${local.name}-control-plane"
  description = "Who may ask the control plane"
  vpc_id      = var.network.vpc_id
  ingress     = { "from the VPC" = { port = 443, cidr = var.network.vpc_cidr } }
}

resource "aws_eks_cluster" "this" {
  name                      = local.name
  version                   = var.kubernetes_version
  role_arn                  = module.cluster_role.arn
  enabled_cluster_log_types = ["api", "audit", "authenticator"]

  vpc_config {
    subnet_ids              = var.network.private_subnet_ids
    security_group_ids      = [module.control_plane_firewall.id]
    endpoint_private_access = true
    # CI and people on call come from outside; who they are is IAM's to say.
    endpoint_public_access = true
  }

  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = true
  }

  encryption_config {
    resources = ["secrets"]

    provider {
      key_arn = aws_kms_key.secrets.arn
    }
  }

  depends_on = [aws_cloudwatch_log_group.control_plane]
}

# Lets pods assume roles by their service account.
resource "aws_iam_openid_connect_provider" "pods" {
  url            = aws_eks_cluster.this.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
}
