locals {
  a = 1
  b = <<E
  x ${var.y}
E
  c = [
    "d",
  ]
}
