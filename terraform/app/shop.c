/*
 * The shop, as small as can be: a program that needs nothing but a kernel, so that its image is
 * built from scratch. It answers
 *
 *   GET /health   200 "ok"
 *   GET /         200 and who it is: its role, its region, and where it finds the orders
 *
 * on PORT (8080), and ends when it is asked to.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *setting(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

static void ended(int number) {
  (void)number;
  _exit(0);
}

static void answer(int client) {
  char request[1024], body[512] = "not found\n", head[160];
  const char *status = "404 Not Found";
  ssize_t got = read(client, request, sizeof request - 1);
  if (got <= 0) return;
  request[got] = 0;
  if (!strncmp(request, "GET /health ", 12)) {
    status = "200 OK";
    strcpy(body, "ok\n");
  } else if (!strncmp(request, "GET / ", 6)) {
    status = "200 OK";
    snprintf(body, sizeof body, "%s of the shop in %s, with the orders at %s\n", setting("ROLE", "storefront"),
             setting("AWS_REGION", "no region"), setting("DATABASE", "no database"));
  }
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                        status, strlen(body));
  if (write(client, head, length) == length && write(client, body, strlen(body)) < 0) perror("write");
}

int main(void) {
  const int yes = 1, port = atoi(setting("PORT", "8080"));
  /* The first process of a container ignores signals that it has no handler for. */
  signal(SIGTERM, ended);
  signal(SIGINT, ended);
  signal(SIGPIPE, SIG_IGN);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(strcmp(setting("BIND", "any"), "loopback") ? INADDR_ANY : INADDR_LOOPBACK);
  int server = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 128)) {
    perror("cannot listen");
    return 1;
  }
  for (;;) {
    int client = accept(server, NULL, NULL);
    if (client < 0) continue;
    struct timeval patience = {.tv_sec = 5};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    answer(client);
    shutdown(client, SHUT_WR);
    close(client);
  }
}
