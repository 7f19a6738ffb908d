locals {
  a = "a-${var.b}-${upper("c")}"
  b = "${var.only}"
  c = "%{ for k, v in local.m }${k}=${v}%{ if v != "" },%{ else };%{ endif }%{ endfor }"
  d = "quote \" back \\ tab \t \u00e9 \U0001F600 $${x} %%{y}"
  e = "${"${"deep"}"}"
}
