data "aws_iam_policy_document" "this" {
  statement {
    actions   = ["s3:Get*", "kms:Decrypt"]
    resources = ["arn:aws:s3:::logs-ap-northeast-1/*", "arn:${data.aws_partition.p.partition}:kms:ap-northeast-1:123456789012:key/*"]
  }
}

resource "aws_instance" "this" {
  ami               = "ami-0123456789abcdef0"
  availability_zone = "ap-northeast-1a"
  user_data         = templatefile("${path.module}/user.sh", { region = "ap-northeast-1" })
}
