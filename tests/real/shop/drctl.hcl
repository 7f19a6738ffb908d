service "shop" {
  rto           = "30m"
  primary       = "ap-northeast-1"
  verify_within = "20s"
}

stack "network" {
  path = "stacks/network"
}

stack "app" {
  path = "stacks/app"
  variables = {
    vpc_id     = stack.network.outputs.vpc_id
    subnet_ids = stack.network.outputs.subnet_ids
  }
}

probe "http" "front" {
  url      = "http://aws.example/shop-assets-${region}/health"
  contains = "served from ${region}"
  interval = "200ms"
}
