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

# The region stands here in so many words, as it does in many repositories.
provider "aws" {
  region                      = "ap-northeast-1"
  access_key                  = "test"
  secret_key                  = "test"
  max_retries                 = 1
  skip_credentials_validation = true
  skip_get_ec2_platforms      = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    ec2 = "http://aws.example"
  }
}

data "aws_availability_zones" "here" {
  state = "available"
}

resource "aws_vpc" "shop" {
  cidr_block = "10.20.0.0/16"
  tags       = { Name = "shop" }
}

resource "aws_subnet" "shop" {
  count = 2

  vpc_id            = aws_vpc.shop.id
  cidr_block        = cidrsubnet(aws_vpc.shop.cidr_block, 8, count.index)
  availability_zone = data.aws_availability_zones.here.names[count.index]
  tags              = { Name = "shop-${count.index}" }
}

output "vpc_id" {
  value = aws_vpc.shop.id
}

output "subnet_ids" {
  value = aws_subnet.shop[*].id
}
