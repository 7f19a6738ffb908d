variable "region" {
  type        = string
  description = "The AWS region to build in."
  default     = "ap-northeast-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region is written like ap-northeast-1."
  }
}

variable "zones" {
  type        = number
  description = "How many availability zones to use."
  default     = 3

  validation {
    condition     = var.zones >= 2 && var.zones <= 4 && floor(var.zones) == var.zones
    error_message = "The service needs two to four zones: a load balancer and a database take no fewer."
  }
}

variable "service" {
  type        = string
  description = "The service's name, the first part of every name."
  default     = "shop"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.service))
    error_message = "The service's name has two to twelve lower case letters and digits, so that longer names fit."
  }
}

variable "environment" {
  type        = string
  description = "The environment's name, the second part of every name."
  default     = "prod"

  validation {
    condition     = contains(["prod", "staging", "dev"], var.environment)
    error_message = "The environment is prod, staging or dev."
  }
}

variable "vpc_cidr" {
  type        = string
  description = "The VPC's network. Regions must not overlap, or they can never be peered."
  default     = "10.10.0.0/16"

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && endswith(var.vpc_cidr, "/16")
    error_message = "The VPC's network is an IPv4 network of 16 bits, such as 10.10.0.0/16."
  }
}

variable "nat_per_zone" {
  type        = bool
  description = "One NAT gateway a zone; otherwise one for all, which is cheaper and falls with its zone."
  default     = true
}

variable "flow_log_days" {
  type        = number
  description = "How many days flow logs are kept."
  default     = 30
}
