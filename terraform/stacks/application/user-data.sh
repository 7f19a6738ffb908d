#!/bin/sh
# Starts the storefront. It reads where its data is from the parameters of its own region.
set -eu
dnf install -y docker
systemctl enable --now docker
aws ecr get-login-password --region '${region}' | docker login --username AWS --password-stdin '${registry}'
docker run --detach --restart always --publish 8080:8080 \
  --env AWS_REGION='${region}' --env SHOP_PARAMETERS='${parameters}' '${image}'
