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
    key                         = "network/terraform.tfstate"
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
  }
}

resource "aws_vpc" "store" {
  cidr_block = "10.30.0.0/16"
  tags       = { Name = "store" }
}

resource "aws_subnet" "store" {
  count = 2

  vpc_id     = aws_vpc.store.id
  cidr_block = cidrsubnet(aws_vpc.store.cidr_block, 8, count.index)
  tags       = { Name = "store-${count.index}" }
}

output "vpc_id" {
  value = aws_vpc.store.id
}
