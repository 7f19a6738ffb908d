# What needs the role usually needs what it may do as well: both outputs wait for the
# policies, since a service that begins without its permissions fails half way.

output "arn" {
  description = "The role's ARN."
  value       = aws_iam_role.this.arn
  depends_on  = [aws_iam_role_policy_attachment.managed, aws_iam_role_policy.own]
}

output "name" {
  description = "The role's name."
  value       = aws_iam_role.this.name
  depends_on  = [aws_iam_role_policy_attachment.managed, aws_iam_role_policy.own]
}
