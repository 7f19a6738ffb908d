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
    vpc_id          = string
    private_cidr    = string
    data_subnet_ids = list(string)
  })
  description = "Where to build: the output `network` of the stack of that name."
}

variable "restore_from_snapshot" {
  type        = bool
  description = "Begin with the newest snapshot of the database that lies in this region, not with an empty one."
  default     = false
}

variable "replica_region" {
  type        = string
  description = "Where backups, the key and the secret are copied to. The region itself copies nothing: once rebuilt there, the service has nowhere to copy to until its peer is back."
  default     = "ap-northeast-2"
}

variable "database_class" {
  type        = string
  description = "The database's instance class. It must be offered in every region that the service may be rebuilt in."
  default     = "db.r6g.large"

  validation {
    condition     = startswith(var.database_class, "db.")
    error_message = "A class of database instances begins with db."
  }
}

variable "database_gigabytes" {
  type        = number
  description = "The database's storage to begin with; it grows by itself up to five times as much."
  default     = 100

  validation {
    condition     = var.database_gigabytes >= 20
    error_message = "A database has 20 gigabytes or more."
  }
}

variable "cache_class" {
  type        = string
  description = "The cache's node type."
  default     = "cache.r7g.large"
}

variable "backup_days" {
  type        = number
  description = "How many days backups are kept."
  default     = 14

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "Backups are kept for 1 to 35 days."
  }
}

variable "protect" {
  type        = bool
  description = "Whether data is kept from being deleted, by Terraform too. A drill must be able to remove what it made."
  default     = true
}
