terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.0" }
  }
  backend "s3" {}
}

provider "aws" {
  alias  = "dr"
  region = "ap-northeast-2"
}

variable "zones" {
  type    = map(object({ name = string, ports = optional(list(number), [80]) }))
  default = {}
  validation {
    condition     = alltrue([for z in var.zones : length(z.ports) > 0])
    error_message = "No ports."
  }
}

resource "aws_security_group" "this" {
  for_each = var.zones
  provider = aws.dr
  name     = "sg-${each.key}"
  dynamic "ingress" {
    for_each = each.value.ports
    iterator = port
    content {
      from_port = port.value
      to_port   = port.value
    }
  }
  lifecycle {
    ignore_changes = [tags["Owner"], name]
  }
}

output "ids" { value = { for k, g in aws_security_group.this : k => g.id } }
