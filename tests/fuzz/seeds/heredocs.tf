locals {
  plain = <<EOT
one ${var.name}
  two
EOT
  less = <<-EOT
    three
      four $${not} %%{neither}
    %{ if var.on ~}
    five
    %{ endif ~}
  EOT
}
