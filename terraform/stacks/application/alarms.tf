# Who is told when the shop is not well.

locals {
  front = {
    LoadBalancer = aws_lb.front.arn_suffix
    TargetGroup  = aws_lb_target_group.storefront.arn_suffix
  }

  alarms = {
    errors = {
      about     = "The storefront answers with errors"
      metric    = "HTTPCode_Target_5XX_Count"
      statistic = "Sum"
      above     = 50
      missing   = "notBreaching"
    }
    unhealthy = {
      about     = "A storefront is not healthy"
      metric    = "UnHealthyHostCount"
      statistic = "Maximum"
      above     = 0
      # No answer at all is the worst of answers.
      missing = "breaching"
    }
    slow = {
      about     = "The storefront takes longer than a second"
      metric    = "TargetResponseTime"
      statistic = "Average"
      above     = 1
      missing   = "notBreaching"
    }
  }
}

resource "aws_sns_topic" "alarms" {
  name_prefix = "${local.name}-alarms-"
}

resource "aws_sns_topic_subscription" "alarms" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "front" {
  for_each = local.alarms

  alarm_name          = "${local.name}-front-${each.key}"
  alarm_description   = each.value.about
  namespace           = "AWS/ApplicationELB"
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = local.front
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
