# The region that serves. Only what every stack declares stands here.
region = "ap-northeast-1"
zones  = 3
