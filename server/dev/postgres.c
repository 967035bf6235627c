#include "server/dev/postgres.h"

#include "server/dev/child.h"
#include "storage/base/clock.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <limits.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEBIAN_BIN "/usr/lib/postgresql"
enum { START_MS = 60000, STOP_MS = 30000, MAX_ARGS = 24 };

static bool has_postgres(const char *bin)
{
	char path[DATA_DIR_PATH_BYTES + 16];

	snprintf(path, sizeof(path), "%s/postgres", bin);
	return access(path, X_OK) == 0;
}

/* The major version DIR was made with; 0: none yet. */
static int made_with(const struct data_dir *d)
{
	char path[DATA_DIR_PATH_BYTES];
	int version = 0;
	FILE *f;

	data_dir_path(d, "data/PG_VERSION", path);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%d", &version) != 1)
		version = 0;
	fclose(f);
	return version;
}

static bool find_in_debian(struct postgres *p, int wanted)
{
	DIR *dir = opendir(DEBIAN_BIN);
	const struct dirent *f;
	long best = 0;

	while (dir && (f = readdir(dir))) {
		char bin[DATA_DIR_PATH_BYTES];
		long version = strtol(f->d_name, NULL, 10);

		snprintf(bin, sizeof(bin), DEBIAN_BIN "/%.100s/bin", f->d_name);
		if (version <= best || (wanted && version != wanted) || !has_postgres(bin))
			continue;
		best = version;
		memcpy(p->bin, bin, sizeof(bin));
	}
	if (dir)
		closedir(dir);
	return best > 0;
}

static bool find_in_path(struct postgres *p)
{
	const char *at = getenv("PATH");

	for (; at && *at; at += strcspn(at, ":"), at += *at == ':') {
		char path[DATA_DIR_PATH_BYTES], real[PATH_MAX];

		snprintf(path, sizeof(path), "%.*s/postgres", (int)strcspn(at, ":"), at);
		if (access(path, X_OK) || !realpath(path, real) || strlen(real) >= sizeof(p->bin))
			continue;
		*strrchr(real, '/') = 0; /* the other programs are beside what a link in PATH points to */
		memcpy(p->bin, real, strlen(real) + 1);
		return true;
	}
	return false;
}

/* DIR may lie below directories its owner cannot enter (/root is 0700); the one capability that lets it
 * through survives the change of user and the exec as an ambient one. Without it we still try. */
static void keep_dac_override(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	data[0].effective = data[0].permitted = data[0].inheritable = 1u << CAP_DAC_OVERRIDE;
	if (!syscall(SYS_capset, &head, data))
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0);
}

static void become_owner(const struct data_dir *d)
{
	if (d->uid == geteuid())
		return;
	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (setgroups(0, NULL) || setresgid(d->gid, d->gid, d->gid) || setresuid(d->uid, d->uid, d->uid))
		_exit(126);
	keep_dac_override();
}

/* In the child: output goes to DIR/postgres.log, and only what we name is in the environment. */
static _Noreturn void exec_tool(const struct postgres *p, char *const *args, int death_signal, bool truncate)
{
	char path[DATA_DIR_PATH_BYTES + 32], password[PII_KEY_BYTES + 16], *env[] = { NULL, NULL, NULL, NULL };
	int log, in = open("/dev/null", O_RDWR | O_CLOEXEC);

	data_dir_unlock(p->dir);
	data_dir_path(p->dir, "postgres.log", path);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | (truncate ? O_TRUNC : 0), 0600);
	if (in < 0 || log < 0 || dup2(in, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || chdir("/"))
		_exit(126);
	close(log);
	become_owner(p->dir);
	child_die_with_parent(death_signal);
	snprintf(password, sizeof(password), "PGPASSWORD=%s", p->password);
	env[0] = "PATH=/usr/local/bin:/usr/bin:/bin";
	env[1] = "LC_ALL=C.UTF-8";
	env[2] = password;
	snprintf(path, sizeof(path), "%s/%s", p->bin, args[0]);
	execve(path, args, env);
	dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

/* The last line PostgreSQL's programs wrote, for an error message. */
static void last_words(const struct postgres *p, char *to, size_t cap)
{
	char path[DATA_DIR_PATH_BYTES], line[512];
	FILE *f;

	snprintf(to, cap, "no output");
	data_dir_path(p->dir, "postgres.log", path);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strcspn(line, "\r\n"))
			snprintf(to, cap, "%.*s", (int)strcspn(line, "\r\n"), line);
	if (f)
		fclose(f);
}

/* Runs a program to its end. */
static enum err_code run_tool(const struct postgres *p, char *const *args, struct err *e)
{
	pid_t pid = child_fork(SIGKILL);
	bool stop = false;
	char why[120];
	int status;

	if (!pid)
		exec_tool(p, args, SIGKILL, false);
	if (pid < 0)
		return err_set(e, ERR_PRECONDITION, "%s: %s", args[0], strerror(errno));
	while (!child_ended(&pid, &status)) {
		if (child_pause(50) && !stop)
			kill(pid, SIGTERM);
		stop = child_pause(0);
	}
	if (stop)
		return err_set(e, ERR_CANCELLED, "asked to stop during %s", args[0]);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return ERR_OK;
	last_words(p, why, sizeof(why));
	return err_set(e, ERR_PRECONDITION, "%s failed: %s", args[0], why);
}

/* Into DIR/data.new first, so that a start that was killed leaves nothing that looks like a cluster. */
static enum err_code make_cluster(const struct postgres *p, struct err *e)
{
	char to[DATA_DIR_PATH_BYTES], final[DATA_DIR_PATH_BYTES], pwfile[DATA_DIR_PATH_BYTES + 16];
	char secret[DATA_DIR_PATH_BYTES];
	char *args[MAX_ARGS] = { "initdb", "-D", to, "-U", "analytics", "-A", "scram-sha-256", pwfile, "-E", "UTF8",
				 "--locale=C.UTF-8", p->dir->temporary ? "--no-sync" : NULL, NULL };
	enum err_code c;

	data_dir_path(p->dir, "data.new", to);
	data_dir_path(p->dir, "data", final);
	data_dir_path(p->dir, "password", secret);
	snprintf(pwfile, sizeof(pwfile), "--pwfile=%s", secret);
	data_dir_remove(p->dir, "data.new");
	c = run_tool(p, args, e);
	if (c)
		return c;
	if (rename(to, final))
		return err_set(e, ERR_PRECONDITION, "%.150s: %s", final, strerror(errno));
	return ERR_OK;
}

enum err_code postgres_prepare(struct postgres *p, struct data_dir *dir, struct err *e)
{
	int wanted = made_with(dir);
	enum err_code c;

	p->dir = dir;
	if (!find_in_debian(p, wanted) && !find_in_path(p))
		return err_set(e, ERR_PRECONDITION, "no PostgreSQL%s found: install it (Debian: apt-get install postgresql)",
			       wanted ? " of the version the data directory was made with" : "");
	c = data_dir_secret(dir, "password", p->password, e);
	if (c || data_dir_has(dir, "data"))
		return c;
	return make_cluster(p, e);
}

static bool read_proc(pid_t pid, const char *file, char *to, size_t cap)
{
	char path[64];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, to, cap - 1);
	close(fd);
	if (n <= 0)
		return false;
	to[n] = 0;
	return true;
}

static bool is_postgres(pid_t pid)
{
	char comm[32];

	return read_proc(pid, "comm", comm, sizeof(comm)) && !strcmp(comm, "postgres\n");
}

/* Does this postgres process work in DIR/data? Its working directory says so; where we may not see that (a
 * container without CAP_SYS_PTRACE), a postmaster's arguments do. */
static bool works_here(pid_t pid, const char *data)
{
	char link[64], text[DATA_DIR_PATH_BYTES + 64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
	n = readlink(link, text, sizeof(text) - 1);
	if (n >= 0) {
		text[n] = 0;
		return !strcmp(text, data);
	}
	if (errno != EACCES || !read_proc(pid, "cmdline", text, sizeof(text)))
		return false;
	for (const char *arg = text; arg < text + sizeof(text) - 1 && *arg; arg += strlen(arg) + 1)
		if (!strcmp(arg, data))
			return true;
	return false;
}

/* A postmaster on DIR, or what one that was killed left behind; 0: none. */
static pid_t find_running(const struct postgres *p)
{
	char data[DATA_DIR_PATH_BYTES];
	const struct dirent *f;
	pid_t found = 0;
	DIR *proc = opendir("/proc");

	data_dir_path(p->dir, "data", data);
	while (proc && !found && (f = readdir(proc))) {
		pid_t pid = (pid_t)atol(f->d_name);

		if (pid > 0 && is_postgres(pid) && works_here(pid, data))
			found = pid;
	}
	if (proc)
		closedir(proc);
	return found;
}

/* A process id is soon used again in a container: the file of a postmaster that is gone must not be taken
 * for a living one. All else about that file is PostgreSQL's own business. */
static void drop_misleading_pid_file(const struct postgres *p)
{
	char path[DATA_DIR_PATH_BYTES];
	int pid = 0;
	FILE *f;

	data_dir_path(p->dir, "data/postmaster.pid", path);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fscanf(f, "%d", &pid) == 1 && pid > 0 && !kill(pid, 0) && !is_postgres(pid))
		unlink(path);
	fclose(f);
}

/* We hold DIR's lock, so whoever still works there belongs to a dev that was killed, and is on its way out.
 * True when nobody is left. */
static bool wait_until_free(const struct postgres *p)
{
	uint64_t until = clock_mono_us() + STOP_MS * UINT64_C(1000);
	pid_t pid;

	while ((pid = find_running(p))) {
		if (clock_mono_us() >= until + 5000000)
			return false;
		kill(pid, clock_mono_us() < until ? SIGINT : SIGQUIT);
		nanosleep(&(struct timespec){ .tv_nsec = 200 * 1000 * 1000 }, NULL);
	}
	drop_misleading_pid_file(p);
	return true;
}

static unsigned free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) || getsockname(fd, (struct sockaddr *)&a, &n))
		a.sin_port = 0;
	if (fd >= 0)
		close(fd);
	return ntohs(a.sin_port);
}

static void spawn(struct postgres *p)
{
	char data[DATA_DIR_PATH_BYTES], port[32], conns[48];
	/* Statements and values stay out of its log: they are the events'. */
	char *args[MAX_ARGS] = { "postgres", "-D", data, "-c", port, "-c", conns, "-c", "listen_addresses=127.0.0.1",
				 "-c", "unix_socket_directories=", "-c", "log_min_error_statement=panic",
				 "-c", "log_error_verbosity=terse", "-c", "timezone=UTC", "-c", "log_timezone=UTC", NULL };

	data_dir_path(p->dir, "data", data);
	snprintf(port, sizeof(port), "port=%u", p->port);
	snprintf(conns, sizeof(conns), "max_connections=%u", p->max_connections);
	p->pid = child_fork(SIGINT);
	if (!p->pid)
		exec_tool(p, args, SIGINT, true);
}

static void conninfo(const struct postgres *p, const char *db, char *to, size_t cap)
{
	snprintf(to, cap,
		 "host=127.0.0.1 port=%u user=analytics password=%s dbname=%s sslmode=disable connect_timeout=5", p->port, p->password, db);
}

static enum err_code wait_until_ready(struct postgres *p, struct err *e)
{
	uint64_t until = clock_mono_us() + START_MS * UINT64_C(1000);
	char info[256], why[120];

	conninfo(p, "postgres", info, sizeof(info));
	for (;;) {
		if (child_ended(&p->pid, NULL)) {
			last_words(p, why, sizeof(why));
			return err_set(e, ERR_STORE, "PostgreSQL did not start: %s", why);
		}
		if (PQping(info) == PQPING_OK)
			return ERR_OK;
		if (child_pause(50))
			return err_set(e, ERR_CANCELLED, "asked to stop");
		if (clock_mono_us() >= until)
			return err_set(e, ERR_STORE, "PostgreSQL did not answer for %d s", START_MS / 1000);
	}
}

static enum err_code make_database(struct postgres *p, struct err *e)
{
	char info[256], port[16];
	char *args[MAX_ARGS] = { "createdb", "-h", "127.0.0.1", "-p", port, "-U", "analytics", "-w", "analytics",
				 NULL };
	PGconn *pg;
	bool there;

	conninfo(p, "analytics", info, sizeof(info));
	pg = PQconnectdb(info);
	there = PQstatus(pg) == CONNECTION_OK;
	PQfinish(pg);
	snprintf(port, sizeof(port), "%u", p->port);
	return there ? ERR_OK : run_tool(p, args, e);
}

enum err_code postgres_start(struct postgres *p, struct err *e)
{
	bool any_port = !p->port;
	enum err_code c = ERR_STORE;

	if (!wait_until_free(p))
		return err_set(e, ERR_PRECONDITION, "another PostgreSQL is running on %.120s", p->dir->path);
	/* Between our asking for a free port and PostgreSQL's taking it, somebody else may. */
	for (int tries = 0; c == ERR_STORE && tries < 3; tries++) {
		if (any_port)
			p->port = free_port();
		spawn(p);
		c = wait_until_ready(p, e);
		if (c)
			child_stop(&p->pid, SIGINT, STOP_MS);
	}
	if (!c)
		c = make_database(p, e);
	if (c)
		postgres_stop(p);
	return c;
}

void postgres_stop(struct postgres *p)
{
	child_stop(&p->pid, SIGINT, STOP_MS);
	if (p->dir)
		(void)wait_until_free(p);
}
