# One object for each stack that comes after: it is handed on as a whole.
output "network" {
  description = "Where the other stacks build: the VPC, its subnets and the networks that rules speak of."
  value = {
    vpc_id             = aws_vpc.this.id
    vpc_cidr           = var.vpc_cidr
    private_cidr       = local.private_cidr
    public_subnet_ids  = [for subnet in aws_subnet.public : subnet.id]
    private_subnet_ids = [for subnet in aws_subnet.private : subnet.id]
    data_subnet_ids    = [for subnet in aws_subnet.data : subnet.id]
  }
}

output "nat_addresses" {
  description = "The addresses that the service calls others from, for their allow lists."
  value       = [for address in aws_eip.nat : address.public_ip]
}
