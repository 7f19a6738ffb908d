# Who talked to whom. After an outage this is often the only witness.

resource "aws_cloudwatch_log_group" "flow" {
  name_prefix       = "/${var.service}/${var.environment}/flow-"
  retention_in_days = var.flow_log_days
}

data "aws_iam_policy_document" "flow" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"]
    resources = [aws_cloudwatch_log_group.flow.arn, "${aws_cloudwatch_log_group.flow.arn}:*"]
  }
}

module "flow_role" {
  source = "../../modules/role"

  name        = "${local.name}-flow"
  description = "Writes flow logs of the VPC"
  service     = "vpc-flow-logs.amazonaws.com"
  policies    = { write = data.aws_iam_policy_document.flow.json }
}

resource "aws_flow_log" "this" {
  vpc_id               = aws_vpc.this.id
  traffic_type         = "ALL"
  log_destination_type = "cloud-watch-logs"
  log_destination      = aws_cloudwatch_log_group.flow.arn
  iam_role_arn         = module.flow_role.arn
}
