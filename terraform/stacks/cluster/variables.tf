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
    private_subnet_ids = list(string)
  })
  description = "Where to build: the output `network` of the stack of that name."
}

variable "kubernetes_version" {
  type        = string
  description = "The cluster's version, major and minor."
  default     = "1.33"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "A version of Kubernetes is written like 1.33."
  }
}

variable "node_types" {
  type        = list(string)
  description = "Instance types of the nodes, the preferred first. Several, since a region that everybody flees into runs out of one."
  default     = ["m7g.large", "m6g.large", "t4g.large"]
}

variable "nodes_per_zone" {
  type        = number
  description = "How many nodes a zone begins with; there may be three times as many."
  default     = 2

  validation {
    condition     = var.nodes_per_zone >= 1
    error_message = "Every zone needs a node."
  }
}

variable "log_days" {
  type        = number
  description = "How many days the control plane's logs are kept."
  default     = 30
}
