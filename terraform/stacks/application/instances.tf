# The instances of the storefront.

data "aws_iam_policy_document" "storefront" {
  statement {
    actions = ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"]
    resources = [format(
      "arn:%s:ssm:%s:%s:parameter%s/*",
      data.aws_partition.current.partition, var.region, data.aws_caller_identity.current.account_id, local.parameters,
    )]
  }

  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.data.secret_arn]
  }

  statement {
    actions   = ["kms:Decrypt"]
    resources = [var.data.key_arn]
  }
}

module "storefront_role" {
  source = "../../modules/role"

  name             = "${local.name}-front"
  description      = "Instances of the storefront"
  service          = "ec2.amazonaws.com"
  managed_policies = ["AmazonSSMManagedInstanceCore", "AmazonEC2ContainerRegistryReadOnly"]
  policies         = { connect = data.aws_iam_policy_document.storefront.json }
}

resource "aws_iam_instance_profile" "storefront" {
  name_prefix = "${local.name}-front-"
  role        = module.storefront_role.name
}

module "storefront_firewall" {
  source = "../../modules/firewall"

  name        = "${local.name}-storefront"
  description = "Instances of the storefront"
  vpc_id      = var.network.vpc_id
  egress      = true
  ingress     = { "from the load balancer" = { port = 8080, group = module.front_firewall.id } }
}

resource "aws_launch_template" "storefront" {
  name_prefix            = "${local.name}-storefront-"
  description            = "Instances of the storefront"
  update_default_version = true
  instance_type          = var.instance_type
  # AWS publishes the newest image under this name in every region. An image's ID is of one region only.
  image_id               = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
  vpc_security_group_ids = [module.storefront_firewall.id]

  user_data = base64encode(templatefile("${path.module}/user-data.sh", {
    region     = var.region
    registry   = local.registry
    image      = "${local.registry}/${var.service}/storefront:${var.image_tag}"
    parameters = local.parameters
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.storefront.arn
  }

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
    # The storefront runs in a container, one hop further away.
    http_put_response_hop_limit = 2
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.value
      tags          = { Name = "${local.name}-storefront" }
    }
  }
}

resource "aws_autoscaling_group" "storefront" {
  name_prefix               = "${local.name}-storefront-"
  vpc_zone_identifier       = var.network.private_subnet_ids
  target_group_arns         = [aws_lb_target_group.storefront.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 120

  min_size         = var.zones
  desired_capacity = var.zones * var.instances_per_zone
  max_size         = var.zones * var.instances_per_zone * 4

  # Terraform is done when every zone's worth of instances answers, not when they were asked for.
  min_elb_capacity          = var.zones
  wait_for_capacity_timeout = "15m"

  launch_template {
    id      = aws_launch_template.storefront.id
    version = aws_launch_template.storefront.latest_version
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 75
    }
  }

  # What an instance reads when it starts.
  depends_on = [aws_ssm_parameter.connection, aws_lb_listener.clear, aws_lb_listener.tls]

  # How many there are is the scaling policy's to say once they run.
  lifecycle {
    ignore_changes = [desired_capacity]
  }
}

resource "aws_autoscaling_policy" "cpu" {
  name                   = "cpu"
  autoscaling_group_name = aws_autoscaling_group.storefront.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = 55

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
