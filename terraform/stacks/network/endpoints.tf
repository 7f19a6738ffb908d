# Images and backups go past the NAT gateways: cheaper, and one thing less to wait for
# when every node of a new region pulls its images at once.

module "endpoint_firewall" {
  source = "../../modules/firewall"

  name        = "${local.name}-endpoints"
  description = "Endpoints of AWS services inside the VPC"
  vpc_id      = aws_vpc.this.id
  ingress     = { "from the private subnets" = { port = 443, cidr = local.private_cidr } }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = concat([aws_route_table.data.id], [for table in aws_route_table.private : table.id])
  tags              = { Name = "${local.name}-s3" }
}

resource "aws_vpc_endpoint" "registry" {
  for_each = toset(["ecr.api", "ecr.dkr"])

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [module.endpoint_firewall.id]
  tags                = { Name = "${local.name}-${each.key}" }
}
