# Nodes may pull the service's own images and nobody else's. The images are the region's:
# a registry that is not replicated goes down with its region.
data "aws_iam_policy_document" "pull" {
  statement {
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [format(
      "arn:%s:ecr:%s:%s:repository/%s/*",
      data.aws_partition.current.partition, var.region, data.aws_caller_identity.current.account_id, var.service,
    )]
  }
}

module "node_role" {
  source = "../../modules/role"

  name             = "${local.name}-node"
  description      = "Nodes of ${local.name}"
  service          = "ec2.amazonaws.com"
  managed_policies = ["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonSSMManagedInstanceCore"]
  policies         = { pull = data.aws_iam_policy_document.pull.json }
}

resource "aws_launch_template" "node" {
  name_prefix            = "${local.name}-node-"
  description            = "Nodes of ${local.name}"
  update_default_version = true

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
    # One hop more than the node itself, for the pods that need the region's name.
    http_put_response_hop_limit = 2
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size = 50
      volume_type = "gp3"
      encrypted   = true
    }
  }

  # Default tags do not reach what an instance brings along.
  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.value
      tags          = { Name = "${local.name}-node" }
    }
  }
}

resource "aws_eks_node_group" "workers" {
  cluster_name           = aws_eks_cluster.this.name
  node_group_name_prefix = "workers-"
  node_role_arn          = module.node_role.arn
  subnet_ids             = var.network.private_subnet_ids
  ami_type               = "AL2023_ARM_64_STANDARD"
  instance_types         = var.node_types

  scaling_config {
    min_size     = var.zones
    desired_size = var.zones * var.nodes_per_zone
    max_size     = var.zones * var.nodes_per_zone * 3
  }

  update_config {
    max_unavailable_percentage = 33
  }

  launch_template {
    id      = aws_launch_template.node.id
    version = aws_launch_template.node.latest_version
  }

  # Nodes without the network's add-on never become ready.
  depends_on = [aws_eks_addon.before_nodes]

  # How many there are is the autoscaler's to say once they run.
  lifecycle {
    ignore_changes        = [scaling_config[0].desired_size]
    create_before_destroy = true
  }
}

resource "aws_eks_addon" "before_nodes" {
  for_each = toset(["vpc-cni", "kube-proxy"])

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  resolve_conflicts_on_create = "OVERWRITE"
}

# Runs on nodes: made before them it waits for twenty minutes and fails.
resource "aws_eks_addon" "dns" {
  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = "coredns"
  resolve_conflicts_on_create = "OVERWRITE"
  depends_on                  = [aws_eks_node_group.workers]
}
