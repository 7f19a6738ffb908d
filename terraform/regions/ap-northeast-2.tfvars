# The region that is rebuilt into: two zones carry the load until the primary is back.
region = "ap-northeast-2"
zones  = 2
