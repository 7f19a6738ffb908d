variable "name" {
  type = string
}

variable "environment" {
  type = string
}

variable "region" {
  type = string
}

variable "services" {
  description = "Ports, by name."
  type        = map(number)
}

variable "tags" {
  type    = map(string)
  default = {}
}

locals {
  prefix = join("-", compact([var.name, var.environment, "module0"]))
}

resource "aws_sqs_queue" "dead" {
  for_each = var.services

  name = "${local.prefix}-${each.key}-dead"
  tags = var.tags
}

resource "aws_sqs_queue" "this" {
  for_each = var.services

  name = "${local.prefix}-${each.key}"
  tags = var.tags
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = 5
  })
}

resource "aws_lb_target_group" "this" {
  for_each = { for name, port in var.services : name => port if port != 9000 }

  name     = substr("${local.prefix}-${each.key}", 0, 32)
  port     = each.value
  protocol = "HTTPS"
}

resource "aws_route53_record" "this" {
  for_each = var.services

  zone_id = "Z0123456789ABCDEFGHIJ"
  name    = "${each.key}.${var.name}.${var.region}.example.com"
  type    = "CNAME"
  ttl     = 60
  records = ["${each.key}.internal"]
}

output "queues" {
  value = { for name, queue in aws_sqs_queue.this : name => queue.arn }
}
