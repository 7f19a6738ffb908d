/* What holds the namespaces of a pod: it sleeps until it is told to end, and reaps what is left to it. */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

int main(void) {
  sigset_t all;
  sigfillset(&all);
  /* Blocked, so that they are asked for and never handled: the kernel keeps them from the first process
   * of a namespace otherwise. */
  sigprocmask(SIG_BLOCK, &all, NULL);
  for (;;) {
    int got = 0;
    sigwait(&all, &got);
    if (got == SIGTERM || got == SIGINT)
      return 0;
    while (got == SIGCHLD && waitpid(-1, NULL, WNOHANG) > 0)
      ;
  }
}
