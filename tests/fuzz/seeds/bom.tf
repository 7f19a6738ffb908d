# 東京
locals {
  name = "東京-${var.x}"
  é = "á"
}
