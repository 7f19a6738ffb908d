# The image of `drctl watch`: drctl, Terraform, and no more of a system than these two need. No base image is
# pulled. What is in it is put together by tests/image.sh; build it with `make image`.
#
#   docker run --detach --init --restart always --stop-timeout 3600 --name drctl-watch \
#     --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     --volume drctl:/var/lib/drctl --env-file watch.env --publish 127.0.0.1:9464:9464 \
#     drctl watch --repo https://git.example.com/shop.git --listen 0.0.0.0:9464
#
# A failover runs in the container and cannot outlive it. When the container is stopped, the watch stops it as a
# Ctrl-C would and waits for what Terraform has in flight, which takes minutes: hence --stop-timeout. Killed with
# the container, it is over; started again the watch says so, keeps its states, and begins no other for this
# outage. Where that will not do, take systemd: `drctl watch --unit`.
# --init, since the watch does not wait for what others leave behind, such as the children of a program that
# was killed. Within its own network a container must listen at every address to be reached; whom it can be
# reached by says --publish, and that should stay 127.0.0.1, since nobody is asked for a password.
#
# There is no shell, no git and no ssh: drctl speaks git and ssh itself. What probes of kind `command`,
# notices, `via`, steps of a runbook, provisioners, modules from git and credential helpers run is added on top:
#
#   FROM drctl
#   COPY busybox /bin/sh
FROM scratch
ADD root.tar /
ENV PATH=/usr/local/bin:/usr/bin:/bin
ENV DRCTL_HOME=/var/lib/drctl SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt DRCTL_WAIT_FOR_FAILOVER=true
USER 65532:65532
# States of Terraform, runs, and what the watch remembers: a failover cannot be undone without it.
VOLUME /var/lib/drctl
# Where a checkout can be mounted to be watched, read-only.
WORKDIR /repo
EXPOSE 9464
# A checkout whose only probe asks the watch. Mount another over it if the watch listens at another port.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["drctl", "probe", "--repo", "/usr/share/drctl/health"]
ENTRYPOINT ["drctl"]
CMD ["watch"]
