# The same in every region.
domain = "shop.example.com"
