/* server/dev/child.h -- child processes and signals of the dev command.
 * Memory: none. Threads: the one of main, as children end with the thread that made them. Blocking: yes. */
#ifndef SERVER_DEV_CHILD_H
#define SERVER_DEV_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

void child_take_signals(void);      /* from now on SIGTERM, SIGINT and SIGHUP are only noted */
/* Waits at most ms for a signal or a child's end; true once SIGTERM, SIGINT or SIGHUP came. */
bool child_pause(unsigned ms);

/* fork: 0 in the child, which has default signals, a process group of its own (a Ctrl-C in the terminal is
 * ours to pass on), and gets death_signal when this process dies without a word. */
pid_t child_fork(int death_signal);
/* To be called again after a change of user, which cancels it. */
void child_die_with_parent(int death_signal);

/* True when *pid has ended; then *pid is 0 and *status its wait status (may be NULL). */
bool child_ended(pid_t *pid, int *status);
/* Sends sig, and SIGKILL after ms; returns when it has ended. True when it did so by itself,
 * with exit status 0. *pid may be 0. */
bool child_stop(pid_t *pid, int sig, unsigned ms);

#endif
