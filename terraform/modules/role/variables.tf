variable "name" {
  type        = string
  description = "Prefix of the role's name. AWS adds 26 characters and allows 64."

  validation {
    condition     = length(var.name) <= 37
    error_message = "A role's prefix has at most 37 characters, so that the whole name fits into 64."
  }
}

variable "description" {
  type        = string
  description = "What the role is for."
}

variable "service" {
  type        = string
  description = "The AWS service that may assume the role, such as `eks.amazonaws.com`."
  default     = null
}

variable "trust_policy" {
  type        = string
  description = "Who may assume the role, as a JSON policy, where it is not one AWS service."
  default     = null
}

variable "managed_policies" {
  type        = set(string)
  description = "Names of policies that AWS manages, with their path."
  default     = []
}

variable "policies" {
  type        = map(string)
  description = "Policies of the role's own, as JSON, by name. The names must be known when planning."
  default     = {}
}
