output "cluster" {
  description = "The cluster, and how its pods say who they are."
  value = {
    name                  = aws_eks_cluster.this.name
    endpoint              = aws_eks_cluster.this.endpoint
    certificate_authority = aws_eks_cluster.this.certificate_authority[0].data
    oidc_provider_arn     = aws_iam_openid_connect_provider.pods.arn
    oidc_issuer           = trimprefix(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://")
  }
}

output "kubeconfig" {
  description = "The command that lets kubectl speak with the cluster."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${aws_eks_cluster.this.name}"
}
