output "url" {
  description = "Where this very region serves the shop, whichever region the world is sent to."
  value       = var.domain == null ? "http://${aws_lb.front.dns_name}" : "https://${aws_route53_record.region[0].name}"
}

output "workers_role_arn" {
  description = "The role of the pods that work the orders off, for the annotation of their service account."
  value       = module.workers_role.arn
}

output "registry" {
  description = "The region's registry, which the images are pulled from."
  value       = local.registry
}
