terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81, < 7.0"
    }
  }

  # The primary's state lies in the primary. A recovery neither reads nor writes it: drctl
  # puts a backend of its own in this one's place.
  backend "s3" {
    bucket         = "shop-terraform-state-apne1"
    key            = "application/terraform.tfstate"
    region         = "ap-northeast-1"
    encrypt        = true
    dynamodb_table = "shop-terraform-locks"
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Service     = var.service
      Environment = var.environment
      Stack       = "application"
      ManagedBy   = "terraform"
    }
  }
}
