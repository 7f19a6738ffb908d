variable "name" {
  type        = string
  description = "Prefix of the group's name."
}

variable "description" {
  type        = string
  description = "What the group is for. AWS cannot change it later."
}

variable "vpc_id" {
  type        = string
  description = "The VPC that the group belongs to."
}

variable "ingress" {
  type = map(object({
    port  = number
    cidr  = optional(string)
    group = optional(string)
  }))
  description = "Who may come in on which TCP port, by what the rule is for: a network or a security group. The keys must be known when planning."
  default     = {}

  validation {
    condition     = alltrue([for rule in values(var.ingress) : rule.port > 0 && rule.port < 65536])
    error_message = "A port is a number from 1 to 65535."
  }
}

variable "egress" {
  type        = bool
  description = "Whether members may connect to anywhere."
  default     = false
}
