terraform {
  required_version = ">= 1.8"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "3.39.0"
    }
  }

  backend "s3" {
    bucket                      = "store-state-ap-northeast-1"
    key                         = "app/terraform.tfstate"
    region                      = "ap-northeast-1"
    access_key                  = "test"
    secret_key                  = "test"
    endpoints                   = { s3 = "http://aws.example" }
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_requesting_account_id  = true
  }
}

variable "vpc_id" {
  type = string
}

variable "orders" {
  type = string
}

provider "aws" {
  region                      = "ap-northeast-1"
  access_key                  = "test"
  secret_key                  = "test"
  max_retries                 = 1
  s3_force_path_style         = true
  skip_credentials_validation = true
  skip_get_ec2_platforms      = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    ec2 = "http://aws.example"
    iam = "http://aws.example"
    s3  = "http://aws.example"
  }
}

resource "aws_security_group" "front" {
  name        = "store-front"
  description = "The store's front"
  vpc_id      = var.vpc_id

  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

# The name of a bucket belongs to the whole world, that of a role to the whole account.
resource "aws_s3_bucket" "assets" {
  bucket = "store-assets"
}

resource "aws_s3_bucket_object" "health" {
  bucket       = aws_s3_bucket.assets.id
  key          = "health"
  content      = "orders are in ${var.orders}"
  content_type = "text/plain"
  acl          = "public-read"
}

resource "aws_iam_role" "app" {
  name = "store-app"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Action    = "sts:AssumeRole"
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

output "bucket" {
  value = aws_s3_bucket.assets.id
}
