#include "storage/base/log.h"

#include "storage/base/clock.h"
#include "storage/base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_BYTES = 1024, LINE_BYTES = 4096 /* PIPE_BUF: written whole or not at all */ };

static const char *const names[] = { "debug", "info", "warn", "error" };
static atomic_int threshold = LOG_INFO;
static atomic_ulong dropped; /* since the last line that got through */

bool log_set_level(const char *name)
{
	for (int i = 0; i < (int)(sizeof(names) / sizeof(*names)); i++) {
		if (!strcmp(name, names[i])) {
			atomic_store(&threshold, i);
			return true;
		}
	}
	return false;
}

/* How a line leaves without blocking. stderr's own description may be shared with our parent, so
 * O_NONBLOCK is set on one of our own: the same pipe or terminal, opened once more. */
static struct {
	pthread_once_t once;
	int fd;
	bool socket, polled;
} out = { .once = PTHREAD_ONCE_INIT, .fd = STDERR_FILENO };

static void open_out(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) || S_ISREG(st.st_mode))
		return;
	out.socket = S_ISSOCK(st.st_mode);
	if (out.socket)
		return;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	out.polled = fd < 0;
	if (fd >= 0)
		out.fd = fd;
}

static bool write_line(const char *line, size_t n)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t done;

	pthread_once(&out.once, open_out);
	if (out.polled && (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT)))
		return false;
	do {
		done = out.socket ? send(STDERR_FILENO, line, n, MSG_DONTWAIT | MSG_NOSIGNAL) : write(out.fd, line, n);
	} while (done < 0 && errno == EINTR);
	return done == (ssize_t)n;
}

/* Appends s as the inside of a JSON string, at most until `end`; returns the new end of the line. Line ends
 * (libpq's messages have them) and other controls become blanks. */
static char *put_escaped(char *at, const char *end, const char *s)
{
	char *start = at;

	for (; *s && end - at > 2; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			*at++ = '\\';
		if (c < 0x20 || c == 0x7f)
			c = ' ';
		*at++ = c < 0x80 ? (char)c : '?'; /* keeps the line valid UTF-8 whatever s holds */
	}
	while (at > start && at[-1] == ' ')
		at--;
	return at;
}

/* Counters have one writer, but any thread may lose a line. */
static void count_dropped(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	atomic_fetch_add(&dropped, 1);
	pthread_mutex_lock(&lock);
	metric_add(metric_get(M_LOG_DROPPED, "", ""), 1);
	pthread_mutex_unlock(&lock);
}

void log_write(enum log_level level, const char *where, const char *fmt, ...)
{
	char text[TEXT_BYTES], line[LINE_BYTES], *at = line, *end = line + sizeof(line) - 64;
	int64_t now = clock_wall_us();
	time_t seconds = (time_t)(now / 1000000);
	unsigned long lost;
	struct tm tm;
	va_list ap;

	if ((int)level < atomic_load_explicit(&threshold, memory_order_relaxed))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gmtime_r(&seconds, &tm);
	at += strftime(at, 64, "{\"time\":\"%Y-%m-%dT%H:%M:%S", &tm);
	at += snprintf(at, 128, ".%03dZ\",\"level\":\"%s\",\"pid\":%d,\"where\":\"", (int)(now / 1000 % 1000),
		       names[level], (int)getpid());
	at = put_escaped(at, line + 256, where);
	at += snprintf(at, 16, "\",\"msg\":\"");
	at = put_escaped(at, end, text);
	*at++ = '"';
	lost = atomic_exchange(&dropped, 0);
	if (lost)
		at += snprintf(at, 48, ",\"lines_dropped\":%lu", lost);
	*at++ = '}';
	*at++ = '\n';
	if (!write_line(line, (size_t)(at - line))) {
		atomic_fetch_add(&dropped, lost);
		count_dropped();
	}
}
