# Who is told when svc0 is unwell.
resource "aws_sns_topic" "svc0" {
  name              = "${local.name}-svc0-alarms"
  kms_master_key_id = "alias/aws/sns"
}

resource "aws_cloudwatch_metric_alarm" "svc0" {
  for_each = {
    for alarm in flatten([
      for name, service in var.services : [
        for metric, limit in { CPUUtilization = 80, MemoryUtilization = 90 } : {
          key                                 = "${name}-${metric}", service = name, metric = metric, limit = limit
        }
      ]
    ]) : alarm.key => alarm
  }

  alarm_name          = "${local.name}-svc0-${each.key}"
  namespace           = "AWS/ECS"
  metric_name         = each.value.metric
  threshold           = each.value.limit
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 3
  period              = 60
  statistic           = "Average"
  alarm_actions       = [aws_sns_topic.svc0.arn]
  dimensions          = { ServiceName = "svc0-${each.value.service}" }
}

resource "aws_cloudwatch_dashboard" "svc0" {
  dashboard_name = "svc0"
  dashboard_body = <<-EOT
    {
      "widgets": [
        %{~for name, service in var.services~}
        { "type": "metric", "properties": { "region": "${var.region}", "title": "${name} at ${service.port}" } },
        %{~endfor~}
        { "type": "text", "properties": { "markdown": "svc0" } }
      ]
    }
  EOT
}

