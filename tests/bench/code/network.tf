# The network of svc0: three subnets of each kind.
resource "aws_vpc" "svc0" {
  cidr_block           = "10.42.0.0/16"
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = "${local.name}-svc0" })
}

resource "aws_subnet" "svc0_private" {
  for_each = { for index, zone in local.azs : zone => index }

  vpc_id            = aws_vpc.svc0.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(aws_vpc.svc0.cidr_block, 8, each.value)
  tags              = merge(local.tags, { Name = "${local.name}-svc0-private-${each.key}" })
}

resource "aws_vpc_endpoint" "svc0" {
  for_each = toset(["s3", "dynamodb"])

  vpc_id       = aws_vpc.svc0.id
  service_name = "com.amazonaws.${data.aws_region.current.name}.${each.key}"
}

resource "aws_security_group" "svc0" {
  for_each = var.services

  name   = "${local.name}-svc0-${each.key}"
  vpc_id = aws_vpc.svc0.id

  dynamic "ingress" {
    for_each = each.value.public ? [443] : [each.value.port]
    content {
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = each.value.public ? ["0.0.0.0/0"] : [aws_vpc.svc0.cidr_block]
    }
  }
}

