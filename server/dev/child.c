#include "server/dev/child.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int noted[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
static sigset_t set;
static pid_t parent;
static bool asked_to_stop;

void child_take_signals(void)
{
	parent = getpid();
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(noted) / sizeof(*noted); i++) {
		signal(noted[i], SIG_DFL); /* what a launcher ignored would never arrive */
		sigaddset(&set, noted[i]);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool child_pause(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	int sig = sigtimedwait(&set, NULL, &t);

	if (sig > 0 && sig != SIGCHLD)
		asked_to_stop = true;
	return asked_to_stop;
}

void child_die_with_parent(int death_signal)
{
	prctl(PR_SET_PDEATHSIG, death_signal);
	if (getppid() != parent)
		_exit(1);
}

pid_t child_fork(int death_signal)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	child_die_with_parent(death_signal);
	setpgid(0, 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return 0;
}

bool child_ended(pid_t *pid, int *status)
{
	if (!*pid || waitpid(*pid, status, WNOHANG) != *pid)
		return false;
	*pid = 0;
	return true;
}

bool child_stop(pid_t *pid, int sig, unsigned ms)
{
	if (!*pid)
		return true;
	kill(*pid, sig);
	for (unsigned waited = 0; waited < ms; waited += 50) {
		struct timespec t = { .tv_nsec = 50 * 1000 * 1000 };
		int status;

		if (child_ended(pid, &status))
			return WIFEXITED(status) && !WEXITSTATUS(status);
		nanosleep(&t, NULL);
	}
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
	return false;
}
