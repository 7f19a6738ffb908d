# one
// two
/* three
   four */
a = 1 # five
b = /* six */ 2
c = [ # seven
  1, // eight
  /* nine */
]
/**/
