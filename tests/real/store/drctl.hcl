service "store" {
  rto           = "30m"
  primary       = "ap-northeast-1"
  verify_within = "20s"
}

stack "network" {
  path = "stacks/network"
}

stack "data" {
  path = "stacks/data"
}

stack "app" {
  path = "stacks/app"
  variables = {
    vpc_id = stack.network.outputs.vpc_id
    orders = stack.data.outputs.orders
  }
}

global "aws_s3_bucket" {
  decision = "suffix"
}

global "aws_iam_role" {
  decision = "suffix"
}

# It asks what was rebuilt: nobody knows its name before.
probe "http" "front" {
  url      = "http://aws.example/${stack.app.outputs.bucket}/health"
  contains = ":${region}:"
  interval = "200ms"
  up_after = 2
}

# It would ask the primary, also in a drill.
probe "http" "outside" {
  url      = "http://aws.example/store-assets/health"
  interval = "200ms"
}
