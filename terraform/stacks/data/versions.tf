terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81, < 7.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.6"
    }
  }

  # The primary's state lies in the primary. A recovery neither reads nor writes it: drctl
  # puts a backend of its own in this one's place.
  backend "s3" {
    bucket         = "shop-terraform-state-apne1"
    key            = "data/terraform.tfstate"
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
      Stack       = "data"
      ManagedBy   = "terraform"
    }
  }
}

# Where copies go. In the replica region itself this provider makes nothing.
provider "aws" {
  alias  = "replica"
  region = var.replica_region

  default_tags {
    tags = {
      Service     = var.service
      Environment = var.environment
      Stack       = "data"
      ManagedBy   = "terraform"
    }
  }
}
