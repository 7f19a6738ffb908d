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
    key                         = "data/terraform.tfstate"
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
    dynamodb = "http://aws.example"
    ssm      = "http://aws.example"
  }
}

resource "aws_dynamodb_table" "orders" {
  name         = "store-orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  # Nobody deletes the orders by mistake; a drill deletes its own.
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_ssm_parameter" "orders" {
  name  = "/store/orders"
  type  = "String"
  value = aws_dynamodb_table.orders.arn
}

output "orders" {
  value = aws_dynamodb_table.orders.arn
}
