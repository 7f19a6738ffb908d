# The runbook of the shop: what is built where, in which order, and what is promised.

service "shop" {
  rto     = "45m"
  rpo     = "1h30m"
  primary = "ap-northeast-1"
}

region "ap-northeast-2" {
  var_files = ["regions/ap-northeast-2.tfvars"]

  variables = {
    vpc_cidr              = "10.20.0.0/16"
    restore_from_snapshot = true
    # The primary answers for the shop's name while it can; this region when it cannot.
    dns_role = "SECONDARY"
    # A drill must be able to remove what it made. When a failover is there to stay, turn this on and apply again.
    protect = false
  }
}

# Where the shop is at home: what `drctl failback` applies there.
region "ap-northeast-1" {
  var_files = ["regions/ap-northeast-1.tfvars"]
}

stack "network" {
  path = "stacks/network"
}

# Data and cluster take longest and need only the network: they are built side by side.
stack "data" {
  path      = "stacks/data"
  variables = { network = stack.network.outputs.network }
  # Copies go to this region while the primary serves. Once it is rebuilt here there is nowhere
  # to copy to, and the stack makes nothing with this provider.
  providers = { "aws.replica" = region }
}

stack "cluster" {
  path      = "stacks/cluster"
  variables = { network = stack.network.outputs.network }
}

stack "application" {
  path = "stacks/application"
  variables = {
    network = stack.network.outputs.network
    data    = stack.data.outputs.data
    cluster = stack.cluster.outputs.cluster
  }
}

# The cluster that was rebuilt: reached by what its stack says of it, and by nothing that is set up
# on the machine.
cluster "eks" {
  server = stack.cluster.outputs.cluster.endpoint
  ca     = stack.cluster.outputs.cluster.certificate_authority
  credentials = [
    "aws", "eks", "get-token", "--output", "json",
    "--region", region, "--cluster-name", stack.cluster.outputs.cluster.name,
  ]
}

# What the shop's namespace has, whatever runs in it.
kubernetes "base" {
  manifests = ["kubernetes"]
  namespace = "shop"
  config_maps = {
    shop = {
      DATABASE  = stack.data.outputs.data.database_endpoint
      SESSIONS  = stack.data.outputs.data.sessions_endpoint
      DOCUMENTS = stack.data.outputs.data.documents_bucket
    }
  }
}

helm "workers" {
  needs       = ["base"]
  chart       = "charts/workers"
  namespace   = "shop"
  value_files = ["regions/${region}.yaml"]
  values = {
    registry = stack.application.outputs.registry
    roleArn  = stack.application.outputs.workers_role_arn
    region   = region
  }
}

# Asks the rebuilt region by its own name, since the shop's name may still lead to the
# primary. In a rehearsal nothing listens there: the simulated cloud answers.
probe "http" "front" {
  url        = "${stack.application.outputs.url}/health"
  interval   = "5s"
  timeout    = "3s"
  down_after = 3
  up_after   = 3
}

# What `drctl watch` asks: the shop as its customers see it, from here and through the bastion of
# another cloud, both regions of AWS, and two who are down only when drctl itself is cut off.
probe "http" "shop" {
  url         = "https://shop.example.com/health"
  certificate = "14d"
}

probe "dns" "shop-name" {
  host = "shop.example.com"
}

probe "region" "tokyo" {
  cloud = "aws"
}

probe "region" "seoul" {
  cloud = "aws"
  role  = "fallback"
}

probe "dns" "quad9" {
  host   = "example.com"
  server = "9.9.9.9"
  role   = "witness"
}

probe "dns" "cloudflare" {
  host   = "example.com"
  server = "1.1.1.1"
  role   = "witness"
}

# A region that is down is left at once; a service that is down, when somebody says so.
watch {
  region       = "ap-northeast-2"
  service_down = "approve"
  region_down  = "failover"

  maintenance "patching" {
    days  = ["sun"]
    from  = "03:00"
    until = "04:00"
    zone  = "Asia/Tokyo"
  }
}

notify "slack" "oncall" {
  url_env = "SHOP_SLACK_URL"
}

# The way home, once Tokyo is back: orders that were taken in Seoul are copied before anything
# else, and once more while nobody can order. Documents and sessions are shared by both regions.
failback {
  variables = { restore_from_snapshot = false }

  command "orders-home" {
    run = [
      "./bin/orders-home", "copy",
      fallback.stack.data.outputs.data.database_endpoint, stack.data.outputs.data.database_endpoint,
    ]
  }

  command "last-orders" {
    phase = "cutover"
    run = [
      "./bin/orders-home", "close",
      fallback.stack.data.outputs.data.database_endpoint, stack.data.outputs.data.database_endpoint,
    ]
    undo = ["./bin/orders-home", "open", fallback.stack.data.outputs.data.database_endpoint]
  }
}

# A group that Chaos Monkey may play with, once `drctl rehearse --keep` has left a cloud.
chaos "simulated" "storefront" {
  address     = "aws_autoscaling_group.shop-prod-storefront*"
  back_within = "10m"
}

# The orders reach as far as the snapshot that the database began with. A rehearsal has no
# data and does not ask.
recovery_point "orders" {
  run = ["./bin/restored-until", stack.data.outputs.restored_from, stack.data.outputs.restored_until]
}
