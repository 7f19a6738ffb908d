# svc0 itself, one service for each entry of the table.
resource "aws_cloudwatch_log_group" "svc0" {
  for_each = var.services

  name              = "/ecs/${local.name}/svc0/${each.key}"
  retention_in_days = 30
}

resource "aws_ecs_task_definition" "svc0" {
  for_each = var.services

  family                   = "${local.name}-svc0-${each.key}"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 512
  memory                   = 1024
  container_definitions = jsonencode([{
    name         = each.key
    image        = "${local.account_id}.dkr.ecr.${var.region}.amazonaws.com/${each.key}:${var.environment}"
    essential    = true
    portMappings = [{ containerPort = each.value.port }]
    environment = [for key, value in merge(local.tags, { NAME = each.key }) : {
      name  = upper(key)
      value = value
    }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.svc0[each.key].name
        awslogs-region        = var.region
        awslogs-stream-prefix = "svc0"
      }
    }
  }])
}

resource "aws_ecs_service" "svc0" {
  for_each = var.services

  name            = "svc0-${each.key}"
  task_definition = aws_ecs_task_definition.svc0[each.key].arn
  desired_count   = each.value.replicas
  launch_type     = "FARGATE"
}

