terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }

  backend "s3" {
    bucket         = "example-terraform-state"
    key            = "svc0/terraform.tfstate"
    region         = "ap-northeast-1"
    dynamodb_table = "terraform-locks"
    encrypt        = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}

provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"
}

variable "region" {
  description = "The region that everything is built in."
  type        = string
  default     = "ap-northeast-1"
}

variable "environment" {
  description = "One of the environments, such as production."
  type        = string
  default     = "production"

  validation {
    condition     = contains(["production", "staging", "development"], var.environment)
    error_message = "The environment must be production, staging or development."
  }
}

variable "services" {
  description = "What runs here, by name."
  type = map(object({
    port     = number
    replicas = optional(number, 2)
    public   = optional(bool, false)
  }))
  default = {
    web    = { port = 443, public = true }
    api    = { port = 8443, replicas = 4 }
    worker = { port = 9000 }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_availability_zones" "available" {
  state = "available"
}

locals {
  name       = "svc0-${var.environment}"
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  azs        = slice(data.aws_availability_zones.available.names, 0, 3)
  public     = { for name, service in var.services : name => service if service.public }
  tags = {
    Service     = "svc0"
    Environment = var.environment
    Region      = var.region
    ManagedBy   = "terraform"
  }
}
