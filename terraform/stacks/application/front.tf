# What the world sees: the load balancer, its certificate and the names.

data "aws_route53_zone" "shop" {
  count = var.domain == null ? 0 : 1
  name  = var.domain
}

# The certificate must lie in the very region of its load balancer; issuing one takes a
# validation over DNS, which is not what an outage should wait for.
data "aws_acm_certificate" "shop" {
  count = var.domain == null ? 0 : 1

  domain      = var.domain
  statuses    = ["ISSUED"]
  most_recent = true
}

module "front_firewall" {
  source = "../../modules/firewall"

  name        = "${local.name}-front"
  description = "Everybody may come to the shop"
  vpc_id      = var.network.vpc_id
  egress      = true

  ingress = {
    "from the world"           = { port = 443, cidr = "0.0.0.0/0" }
    "from the world, in clear" = { port = 80, cidr = "0.0.0.0/0" }
  }
}

resource "aws_lb" "front" {
  name                       = "${local.name}-front"
  load_balancer_type         = "application"
  subnets                    = var.network.public_subnet_ids
  security_groups            = [module.front_firewall.id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.protect
}

resource "aws_lb_target_group" "storefront" {
  name_prefix          = "${substr(var.service, 0, 5)}-"
  vpc_id               = var.network.vpc_id
  port                 = 8080
  protocol             = "HTTP"
  deregistration_delay = 30

  health_check {
    path                = "/health"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  # A listener holds on to its group until it has another.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "clear" {
  load_balancer_arn = aws_lb.front.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = var.domain == null ? "forward" : "redirect"
    target_group_arn = var.domain == null ? aws_lb_target_group.storefront.arn : null

    dynamic "redirect" {
      for_each = var.domain == null ? [] : [443]

      content {
        port        = redirect.value
        protocol    = "HTTPS"
        status_code = "HTTP_301"
      }
    }
  }
}

resource "aws_lb_listener" "tls" {
  count = var.domain == null ? 0 : 1

  load_balancer_arn = aws_lb.front.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = data.aws_acm_certificate.shop[0].arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.storefront.arn
  }
}

# The region's own name, which answers also while another region serves: probes ask here.
resource "aws_route53_record" "region" {
  count = var.domain == null ? 0 : 1

  zone_id = data.aws_route53_zone.shop[0].zone_id
  name    = "${var.region}.${var.domain}"
  type    = "A"

  alias {
    name                   = aws_lb.front.dns_name
    zone_id                = aws_lb.front.zone_id
    evaluate_target_health = false
  }
}

# The shop's name. Route 53 answers with the primary while that is healthy and with the
# secondary when it is not: each region brings its own record and touches no other.
resource "aws_route53_record" "shop" {
  count = var.domain == null ? 0 : 1

  zone_id        = data.aws_route53_zone.shop[0].zone_id
  name           = var.domain
  type           = "A"
  set_identifier = var.region

  failover_routing_policy {
    type = var.dns_role
  }

  alias {
    name                   = aws_lb.front.dns_name
    zone_id                = aws_lb.front.zone_id
    evaluate_target_health = true
  }
}
