locals {
  list   = [for i, v in var.list : upper(v) if i % 2 == 0]
  map    = { for k, v in var.map : k => v.id if v != null }
  groups = { for v in var.list : v.zone => v... }
  nested = flatten([for a in local.list : [for b in a.items : { a = a.id, b = b }]])
  splat  = aws_instance.this[*].network[0].id
  old    = aws_instance.this.*.id
}
