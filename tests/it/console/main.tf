# What the expressions of console.txt may use. It is read by drctl and by Terraform.

variable "empty" {
  type    = list(string)
  default = []
}

variable "any" {
  default = { b = [1, "x"], a = null }
}

variable "typed" {
  type = object({
    name  = string
    size  = optional(number, 3)
    tags  = optional(map(string), { owner = "me" })
    inner = optional(object({ a = optional(string, "x"), b = optional(bool) }), {})
    zones = set(string)
  })
  default = { name = 5, zones = ["b", "a", "b"], extra = true }
}

variable "list" {
  type    = list(any)
  default = [1, "two", true]
}

variable "map" {
  type    = map(any)
  default = { a = 1, b = "two" }
}

variable "pair" {
  type    = tuple([string, number])
  default = [1, "2"]
}

variable "rules" {
  type = set(object({ port = number, name = optional(string, "rule") }))
  default = [{ port = 443 }, { port = 80, name = "http" }, { port = 443 }]
}

variable "numbers" {
  type    = set(number)
  default = [10, 9, "9", 1.5]
}

variable "nothing" {
  type     = string
  default  = null
}

locals {
  name    = "web"
  zones   = ["a", "b", "c"]
  numbers = [3, 1, 2]
  tags    = { Name = "web", Env = "prod" }
  users = [
    { name = "ann", role = "admin", keys = ["k1", "k2"] },
    { name = "bob", role = "dev", keys = [] },
    { name = "cid", role = "dev", keys = ["k3"] },
  ]
  nested = { a = { b = { c = [1, { d = "deep" }] } } }
  typed  = tomap({ a = 1, b = 2 })

  loop = <<-EOT
    %{ for x in ["a", "b"] ~}
      ${x}
    %{ endfor ~}
    end
    EOT
  tilde = <<EOT
   a   
   ${~ "x" ~}   
   b
EOT
  blank = <<-EOT
      a
    b

      ${"c"}
  EOT
  choice = <<-EOT
    %{ if local.name == "web" }
      yes ${local.name}
    %{ else }
      no
    %{ endif }
    EOT
  plain = <<EOT
  two \n $${x} %%{y} "q"
EOT
  table = <<-EOT
    %{~ for k, v in local.tags ~}
    ${k}=${v}
    %{~ endfor ~}
  EOT
}
