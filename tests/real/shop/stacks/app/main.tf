terraform {
  required_version = ">= 1.8"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "3.39.0"
    }
  }

  backend "s3" {
    bucket                      = "shop-state-ap-northeast-1"
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

variable "region" {
  type    = string
  default = "ap-northeast-1"
}

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  type = list(string)
}

provider "aws" {
  region                      = var.region
  access_key                  = "test"
  secret_key                  = "test"
  max_retries                 = 1
  s3_force_path_style         = true
  skip_credentials_validation = true
  skip_get_ec2_platforms      = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    dynamodb = "http://aws.example"
    ec2      = "http://aws.example"
    iam      = "http://aws.example"
    rds      = "http://aws.example"
    s3       = "http://aws.example"
    sns      = "http://aws.example"
    ssm      = "http://aws.example"
  }
}

resource "aws_security_group" "front" {
  name        = "shop-front"
  description = "The shop's front"
  vpc_id      = var.vpc_id

  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

# Names of buckets and of roles belong to the whole world and to the whole account,
# so those of the fallback must be others.
resource "aws_s3_bucket" "assets" {
  bucket = "shop-assets-${var.region}"
}

resource "aws_s3_bucket_object" "health" {
  bucket       = aws_s3_bucket.assets.id
  key          = "health"
  content      = "served from ${var.region}, by ${aws_dynamodb_table.orders.arn}"
  content_type = "text/plain"
  acl          = "public-read"
}

resource "aws_iam_role" "app" {
  name = "shop-app-${var.region}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Action    = "sts:AssumeRole"
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_dynamodb_table" "orders" {
  name         = "shop-orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_sns_topic" "orders" {
  name = "shop-orders"
}

resource "aws_ssm_parameter" "subnets" {
  name  = "/shop/subnets"
  type  = "String"
  value = join(",", var.subnet_ids)
}
