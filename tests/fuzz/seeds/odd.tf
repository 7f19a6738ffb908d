one = { a = 1, a = 2, "b" : 3, (var.k) = 4, c.d = 5 }
two { three "four" five {} }
six=1