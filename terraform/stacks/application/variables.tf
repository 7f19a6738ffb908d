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

variable "network" {
  type = object({
    vpc_id             = string
    vpc_cidr           = string
    public_subnet_ids  = list(string)
    private_subnet_ids = list(string)
  })
  description = "Where to build: the output `network` of the stack of that name."
}

variable "data" {
  type = object({
    database_endpoint = string
    sessions_endpoint = string
    documents_bucket  = string
    documents_arn     = string
    secret_arn        = string
    key_arn           = string
  })
  description = "Where the data is: the output `data` of the stack of that name."
}

variable "cluster" {
  type = object({
    name              = string
    oidc_provider_arn = string
    oidc_issuer       = string
  })
  description = "Whose pods work the orders off: the output `cluster` of the stack of that name."
}

variable "domain" {
  type        = string
  description = "The shop's domain: a public hosted zone in Route 53, with a certificate for it and its subdomains in every region. Null leaves DNS alone and serves plain HTTP."
  default     = null
}

variable "dns_role" {
  type        = string
  description = "Whether this region answers for the domain (PRIMARY) or only while that one cannot (SECONDARY)."
  default     = "PRIMARY"

  validation {
    condition     = contains(["PRIMARY", "SECONDARY"], var.dns_role)
    error_message = "The role in DNS is PRIMARY or SECONDARY."
  }
}

variable "instance_type" {
  type        = string
  description = "Instance type of the storefront, of the arm64 kind."
  default     = "c7g.large"
}

variable "instances_per_zone" {
  type        = number
  description = "How many storefronts a zone begins with; there may be four times as many."
  default     = 2

  validation {
    condition     = var.instances_per_zone >= 1
    error_message = "Every zone needs a storefront."
  }
}

variable "image_tag" {
  type        = string
  description = "Which storefront to run: a tag of the image `storefront` in the region's registry."
  default     = "stable"
}

variable "alarm_email" {
  type        = string
  description = "Who hears of alarms. Null tells nobody but the topic."
  default     = null
}

variable "protect" {
  type        = bool
  description = "Whether the load balancer is kept from being deleted. A drill must be able to remove what it made."
  default     = true
}
