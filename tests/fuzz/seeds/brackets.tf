locals {
  a = [[[[[[[[{ b = [({ c = (((1))) })] }]]]]]]]]
  f = try(lookup(merge({ a = { b = [1, 2, 3] } }, var.x...), "a", null)["b"][0], -1)
  t = (1 + 2) * -3 / 4 % 5 >= 6 && !true || false ? [] : {}
}
