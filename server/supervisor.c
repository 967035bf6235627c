#include "server/supervisor.h"

#include "server/cpus.h"
#include "server/reactor.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/metrics.h"
#include "storage/migrate.h"
#include "storage/pii_key.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WHERE "supervisor"

enum { EXIT_REFUSED = 2 /* the worker said why and gave up */, EXIT_STATE = 3 /* schema newer than we are */ };
enum {
	SETTLED_MS = 5000,       /* a worker that lived this long has started */
	BACKOFF_FIRST_MS = 100,
	BACKOFF_MAX_MS = 10000,
	KILL_MARGIN_MS = 2000,   /* beyond drain_ms, before SIGKILL */
	PORT_WAIT_MS = 2000,     /* for a predecessor that was killed to be gone */
	HEAD_START_MS = 3000,    /* of the migrator before the workers, unless it finds PostgreSQL away */
	MAX_WORKERS = 256,
};

struct shared {
	struct conf conf;        /* the migrator hands the workers a key in it */
	atomic_bool away;        /* the migrator had to wait for PostgreSQL */
};

struct child {
	pid_t pid;               /* 0: not running */
	uint64_t started_us, due_us;
	uint32_t backoff_ms;
	bool settled;
};

struct supervisor {
	struct shared *shared;
	struct conf *conf;       /* &shared->conf */
	unsigned n;
	struct child workers[MAX_WORKERS], migrator;
	sigset_t signals, before;
	pid_t self;
	bool configured_key, migrated, stopping;
	enum err_code failed;    /* why the service ends, unless it was asked to */
	uint64_t begun_us, kill_at_us;
};

static void take_all_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r))
		log_warn(WHERE, "RLIMIT_NOFILE stays as it is: %s", strerror(errno));
}

/* How many workers, and how many connections each may store events on: what a worker cannot do without has to fit
 * within the common ceiling. */
static void plan(struct supervisor *s)
{
	struct conf *c = s->conf;
	unsigned others = conf_least_conns(c) - 1, most = c->db_max_open_conns / (others + 1), share;

	s->n = c->workers ? c->workers : cpus_granted();
	if (s->n > MAX_WORKERS)
		s->n = MAX_WORKERS;
	if (s->n > most)
		s->n = most;
	share = c->db_max_open_conns / s->n;
	if (c->ingest_conns > share - others) {
		log_warn(WHERE, "INGEST_CONNS %u becomes %u: DB_MAX_OPEN_CONNS %u for %u workers",
			 c->ingest_conns, share - others, c->db_max_open_conns, s->n);
		c->ingest_conns = share - others;
	}
	c->workers = s->n;
}

static int try_bind(const char *address, uint32_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	bool four = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	int fd, rc;

	if (!four && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return EINVAL;
	fd = socket(four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	rc = four ? bind(fd, (struct sockaddr *)&v4, sizeof(v4)) : bind(fd, (struct sockaddr *)&v6, sizeof(v6));
	rc = rc ? errno : 0;
	close(fd);
	return rc;
}

/* The workers listen with SO_REUSEPORT, which would quietly share the port with another service of the
 * same user; asking for it alone finds that out. */
static enum err_code check_port(const struct conf *c, const char *name, uint32_t port, struct err *e)
{
	uint64_t until = clock_mono_us() + PORT_WAIT_MS * 1000;
	int rc;

	while ((rc = try_bind(c->listen_address, port)) == EADDRINUSE && clock_mono_us() < until)
		nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
	if (rc)
		return err_set(e, ERR_PRECONDITION, "%s: cannot listen on %s port %u: %s", name, c->listen_address, port,
			       strerror(rc));
	return ERR_OK;
}

/* Forks. In the child: signals as they were, and no life without the parent. */
static pid_t start(struct supervisor *s, struct child *c)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != s->self)
			_exit(0);
		signal(SIGCHLD, SIG_DFL);
		sigprocmask(SIG_SETMASK, &s->before, NULL);
		return 0;
	}
	c->started_us = clock_mono_us();
	if (pid < 0) {
		log_error(WHERE, "cannot start a process: %s", strerror(errno));
		c->due_us = c->started_us + BACKOFF_MAX_MS * 1000;
		return -1;
	}
	c->pid = pid;
	return pid;
}

static void sleep_ms(uint32_t ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 }, NULL);
}

/* The migrator's life: until the schema is there, however long PostgreSQL is away. */
static int migrate(struct supervisor *s)
{
	uint32_t wait_ms = 200;

	for (unsigned tries = 0;; tries++) {
		struct err e = { 0 };
		enum err_code c = migrate_run(s->conf, &e);

		if (!c && !s->configured_key)
			c = pii_key_load(s->conf, s->conf->pii_hmac_key, sizeof(s->conf->pii_hmac_key), &e);
		if (!c)
			return 0;
		if (c == ERR_PRECONDITION) {
			log_error(WHERE, "the service ends: %s", e.detail);
			return EXIT_STATE;
		}
		atomic_store(&s->shared->away, true);
		if (tries % 12 == 0) /* at once, then about once a minute */
			log_warn(WHERE, "not migrated yet, trying again: %s (%s)", e.detail, err_name(c));
		sleep_ms(wait_ms);
		wait_ms = wait_ms * 2 < 5000 ? wait_ms * 2 : 5000;
	}
}

static void start_migrator(struct supervisor *s)
{
	if (!start(s, &s->migrator))
		exit(migrate(s));
}

static void start_worker(struct supervisor *s, unsigned i)
{
	struct err e = { 0 };
	enum err_code c;

	if (start(s, &s->workers[i]))
		return;
	metrics_use_slot(i);
	c = reactor_run(s->conf, i, s->n, s->begun_us, &e);
	if (c)
		log_error(WHERE, "worker %u ends: %s (%s)", i, e.detail, err_name(c));
	exit(c ? EXIT_REFUSED : 0);
}

static void signal_workers(const struct supervisor *s, int sig)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->workers[i].pid)
			kill(s->workers[i].pid, sig);
}

static void signal_all(const struct supervisor *s, int sig)
{
	signal_workers(s, sig);
	if (s->migrator.pid)
		kill(s->migrator.pid, sig);
}

/* Asked again, nothing changes: the end is bounded anyway. */
static void stop(struct supervisor *s, enum err_code why)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->failed = why;
	s->kill_at_us = clock_mono_us() + (s->conf->drain_ms + KILL_MARGIN_MS) * UINT64_C(1000);
	signal_all(s, SIGTERM);
}

static const char *describe(int status, char text[64])
{
	if (WIFSIGNALED(status))
		snprintf(text, 64, "killed by signal %d", WTERMSIG(status));
	else
		snprintf(text, 64, "exit status %d", WEXITSTATUS(status));
	return text;
}

static void back_off(struct child *c, bool at_once)
{
	if (at_once)
		c->backoff_ms = 0;
	else if (!c->backoff_ms)
		c->backoff_ms = BACKOFF_FIRST_MS;
	else
		c->backoff_ms = c->backoff_ms * 2 < BACKOFF_MAX_MS ? c->backoff_ms * 2 : BACKOFF_MAX_MS;
	c->due_us = clock_mono_us() + c->backoff_ms * UINT64_C(1000);
}

static void worker_ended(struct supervisor *s, unsigned i, int status)
{
	struct child *c = &s->workers[i];
	bool lived = clock_mono_us() - c->started_us >= SETTLED_MS * UINT64_C(1000);
	char text[64];

	c->pid = 0;
	/* Its gauges go back to 0 while nobody is there to write them. */
	metrics_use_slot(i);
	metrics_use_slot(s->n);
	if (s->stopping) {
		if (!(WIFEXITED(status) && !WEXITSTATUS(status)) &&
		    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM /* before it had begun to serve */)) {
			log_error(WHERE, "worker %u did not end well: %s", i, describe(status, text));
			s->failed = s->failed ? s->failed : ERR_DEADLINE;
		}
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED && !c->settled && !lived) {
		log_error(WHERE, "worker %u cannot start; the service ends", i);
		stop(s, ERR_PRECONDITION);
		return;
	}
	c->settled = c->settled || lived;
	back_off(c, lived);
	metric_add(metric_get(M_WORKER_RESTARTS, "", ""), 1);
	log_error(WHERE, "worker %u died (%s); started again in %u ms", i, describe(status, text), c->backoff_ms);
}

static void migrator_ended(struct supervisor *s, int status)
{
	char text[64];

	s->migrator.pid = 0;
	if (s->stopping)
		return;
	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		s->migrated = true;
		log_info(WHERE, "the schema is up to date");
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STATE) {
		stop(s, ERR_PRECONDITION);
	} else {
		back_off(&s->migrator, false);
		log_error(WHERE, "the migrator died (%s); started again in %u ms", describe(status, text),
			  s->migrator.backoff_ms);
	}
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->migrator.pid)
			migrator_ended(s, status);
		for (unsigned i = 0; i < s->n; i++)
			if (pid == s->workers[i].pid)
				worker_ended(s, i, status);
	}
}

/* With a schema at hand they start on it; without PostgreSQL they listen, and say that they are not ready. */
static bool workers_may_start(const struct supervisor *s, uint64_t now)
{
	return s->migrated || (s->configured_key && (atomic_load(&s->shared->away) ||
						     now - s->begun_us >= HEAD_START_MS * UINT64_C(1000)));
}

static void start_due(struct supervisor *s, uint64_t now)
{
	if (s->stopping)
		return;
	if (!s->migrated && !s->migrator.pid && now >= s->migrator.due_us)
		start_migrator(s);
	if (!workers_may_start(s, now))
		return;
	for (unsigned i = 0; i < s->n; i++)
		if (!s->workers[i].pid && now >= s->workers[i].due_us)
			start_worker(s, i);
}

static bool any_running(const struct supervisor *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->workers[i].pid)
			return true;
	return s->migrator.pid;
}

/* Waits for a signal, at most 100 ms while something is due by the clock, else until one comes. */
static void wait_for_signal(struct supervisor *s)
{
	struct timespec tick = { .tv_nsec = 100 * 1000 * 1000 };
	bool timed = s->stopping || (!s->migrated && !s->migrator.pid);
	siginfo_t info;
	int sig;

	for (unsigned i = 0; i < s->n; i++)
		timed = timed || !s->workers[i].pid;
	sig = timed ? sigtimedwait(&s->signals, &info, &tick) : sigwaitinfo(&s->signals, &info);
	if (sig == SIGHUP) {
		signal_workers(s, SIGHUP); /* each reads its secrets again */
	} else if (sig == SIGTERM || sig == SIGINT) {
		log_info(WHERE, "signal %d: finishing what was taken, at most %u ms", sig, s->conf->drain_ms);
		stop(s, ERR_OK);
	}
}

static void watch(struct supervisor *s)
{
	start_due(s, clock_mono_us());
	while (!s->stopping || any_running(s)) {
		wait_for_signal(s);
		reap(s);
		start_due(s, clock_mono_us());
		if (s->stopping && clock_mono_us() >= s->kill_at_us)
			signal_all(s, SIGKILL);
	}
}

static void take_signals(struct supervisor *s)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };

	sigemptyset(&s->signals);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		signal(wanted[i], SIG_DFL); /* ignored ones, as some launchers leave them, would never arrive */
		sigaddset(&s->signals, wanted[i]);
	}
	sigprocmask(SIG_BLOCK, &s->signals, &s->before);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		sigdelset(&s->before, wanted[i]);
}

static enum err_code run(struct supervisor *s, struct err *e)
{
	enum err_code c;

	take_signals(s); /* first: as process 1 of a container a signal without a handler is lost */
	plan(s);
	c = supervisor_check_ports(s->conf, e);
	if (!c)
		c = metrics_create(s->n, e);
	if (c)
		return c;
	take_all_descriptors();
	if (reactor_doors() == DOORS_ALL)
		log_info(WHERE, "%u workers, gRPC on %s:%u, HTTP on %s:%u", s->n, s->conf->listen_address,
			 s->conf->grpc_port, s->conf->listen_address, s->conf->http_port);
	else
		log_info(WHERE, "jobs only, health and metrics on %s:%u", s->conf->listen_address, s->conf->http_port);
	s->configured_key = *s->conf->pii_hmac_key;
	if (!s->configured_key)
		log_warn(WHERE, "PII_HMAC_KEY is not set: the key is kept in the database, and nothing listens "
				"before PostgreSQL answers");
	watch(s);
	if (s->failed)
		return err_set(e, s->failed, "%s", s->failed == ERR_DEADLINE ? "not every worker ended well"
									     : "the service could not run");
	log_info(WHERE, "ended");
	return ERR_OK;
}

enum err_code supervisor_check_ports(const struct conf *conf, struct err *e)
{
	enum err_code c = ERR_OK;

	if (reactor_doors() == DOORS_ALL)
		c = check_port(conf, "GRPC_PORT", conf->grpc_port, e);
	return c ? c : check_port(conf, "HTTP_PORT", conf->http_port, e);
}

enum err_code supervisor_run(const struct conf *conf, struct err *e)
{
	struct supervisor s = { .self = getpid(), .begun_us = clock_mono_us() };
	enum err_code c;

	s.shared = mmap(NULL, sizeof(*s.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.shared == MAP_FAILED)
		return err_set(e, ERR_QUOTA, "no memory: %s", strerror(errno));
	s.conf = &s.shared->conf;
	*s.conf = *conf;
	c = run(&s, e);
	munmap(s.shared, sizeof(*s.shared));
	return c;
}
