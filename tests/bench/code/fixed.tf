# Written for one region: what it names is not in another.
resource "aws_instance" "svc0" {
  ami               = "ami-0123456789abcdef0"
  instance_type     = "m6i.large"
  availability_zone = "ap-northeast-1a"
  key_name          = "svc0"

  tags = merge(local.tags, { Name = "svc0" })
}

resource "aws_sns_topic_subscription" "svc0" {
  topic_arn = "arn:aws:sns:ap-northeast-1:123456789012:alerts"
  protocol  = "sqs"
  endpoint  = "arn:aws:sqs:ap-northeast-1:123456789012:svc0"
}

resource "aws_lambda_function" "svc0" {
  function_name = "svc0"
  role          = "arn:aws:iam::123456789012:role/svc0"
  package_type  = "Image"
  image_uri     = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/svc0:latest"

  environment {
    variables = {
      QUEUE_URL = "https://sqs.ap-northeast-1.amazonaws.com/123456789012/svc0"
      ZONE      = "ap-northeast-1c"
    }
  }
}

