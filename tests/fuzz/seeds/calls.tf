module "one" {
  source   = "./m"
  for_each = toset(["a", "b"])
  v        = "${each.key}-ap-northeast-1"
}

module "self" {
  source = "./"
  count  = 2
}

locals {
  a = local.b
  b = [module.one["a"].o, module.self[*].all, local.c...]
  c = { for k, m in module.one : k => split("-", m.o)[0] if m.o != null }
}

output "all" { value = jsondecode(jsonencode(local.c)) }
