# What every service has, from the shared modules.
module "svc0" {
  source = "../../modules/module0"

  name        = "svc0"
  environment = var.environment
  region      = var.region
  services    = { for name, service in var.services : name => service.port }
  tags        = merge(local.tags, { Part = "svc0" })
}

locals {
  svc0_urls = { for name, arn in module.svc0.queues : name => replace(arn, "/^.*:/", "") }
}

output "svc0" {
  description = "The queues of svc0, and the names of its public parts."
  value = {
    queues = module.svc0.queues
    urls   = local.svc0_urls
    public = sort(keys(local.public))
    first  = try(values(local.svc0_urls)[0], null)
  }
}

