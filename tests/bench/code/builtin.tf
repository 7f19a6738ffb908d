# svc0, of what Terraform has built in.
variable "svc0" {
  type    = map(object({ port = number, zones = optional(list(string), ["a", "c"]) }))
  default = { web = { port = 443 }, api = { port = 8443, zones = ["a"] } }
}

locals {
  svc0_name  = "svc0-${terraform.workspace}"
  svc0_pairs = flatten([for name, s in var.svc0 : [for zone in s.zones : { key = "${name}-${zone}", port = s.port }]])
  svc0_arns  = { for pair in local.svc0_pairs : pair.key => "arn:aws:sqs:${local.region}:123456789012:${pair.key}" }
}

resource "terraform_data" "svc0" {
  for_each = local.svc0_arns

  input = {
    name = "${local.svc0_name}-${each.key}"
    arn  = each.value
    tags = merge({ Name = local.svc0_name }, { Index = tostring(length(each.key)) })
  }

  lifecycle {
    precondition {
      condition     = length(each.key) < 64
      error_message = "The name ${each.key} is too long."
    }
  }
}

resource "terraform_data" "svc0_all" {
  count = length(local.svc0_pairs)

  input            = jsonencode({ at = count.index, of = keys(terraform_data.svc0) })
  triggers_replace = [for key in sort(keys(local.svc0_arns)) : terraform_data.svc0[key].id]
}

output "svc0" {
  value = { for key, made in terraform_data.svc0 : key => made.output }
}

