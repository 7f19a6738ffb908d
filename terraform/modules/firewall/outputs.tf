output "id" {
  description = "The security group's ID."
  value       = aws_security_group.this.id
}
