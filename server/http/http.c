#include "server/http/request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MAX_CONNECTIONS = 1000,
	MAX_CONNECTIONS_PER_ADDRESS = 500,   /* a sidecar or an ingress is one address */
	IDLE_TIMEOUT_S = 30,
	CONNECTION_BYTES = 64 * 1024,        /* request line and headers */
	CONNECTION_STEP_BYTES = 16 * 1024,
	BACKLOG = 1024,
	LONGEST_PAUSE_MS = 1000,
};

static unsigned route_count(void)
{
	unsigned n = 0;

	while (http_routes[n].method)
		n++;
	return n;
}

/* Lets the daemon do what is due, and sees to it that it is called again when more is. */
static void turn(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	h->woken = false;
	MHD_run(h->daemon);
	/* At its limit of connections, or of the process's descriptors, the daemon does not listen; when some have
	 * ended it does so from its next turn on, without asking for one. */
	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES || ms > LONGEST_PAUSE_MS)
		ms = LONGEST_PAUSE_MS;
	/* Idle timeouts only move away from us, so a timer that runs already is early enough. */
	if (ms == 0 || !ev_is_active(&h->timer))
		loop_timer(h->services->loop, &h->timer, (double)ms / 1000, 0);
}

void http_wake(struct http *h)
{
	if (h->woken)
		return;
	h->woken = true;
	loop_timer(h->services->loop, &h->timer, 0, 0);
}

static void on_io(struct ev_loop *ev, ev_io *w, int events)
{
	(void)ev, (void)events;
	turn(w->data);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events)
{
	(void)ev, (void)events;
	turn(w->data);
}

static bool parse_address(const char *text, uint16_t port, struct sockaddr_storage *out,
			  socklen_t *n)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	*out = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		*n = sizeof(*v4);
		return true;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	*n = sizeof(*v6);
	return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
}

static enum err_code open_listener(const struct conf *c, int *out, struct err *e)
{
	struct sockaddr_storage at;
	socklen_t n;
	int fd, on = 1, off = 0;

	if (!parse_address(c->listen_address, (uint16_t)c->http_port, &at, &n))
		return err_set(e, ERR_INVALID, "http: %s is no IPv4 or IPv6 address",
			       c->listen_address);
	fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, ERR_INTERNAL, "http: socket: %s", strerror(errno));
	/* SO_REUSEPORT: every worker listens on the same port. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    (at.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off))) ||
	    bind(fd, (struct sockaddr *)&at, n) || listen(fd, BACKLOG)) {
		err_set(e, ERR_INTERNAL, "http: cannot listen on %s port %u: %s", c->listen_address,
			c->http_port, strerror(errno));
		close(fd);
		return ERR_INTERNAL;
	}
	*out = fd;
	return ERR_OK;
}

enum err_code http_create(struct http **out, const struct services *s, struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));
	const union MHD_DaemonInfo *info;
	enum err_code c;

	if (!h)
		return err_set(e, ERR_QUOTA, "http: out of memory");
	h->services = s;
	h->listen_fd = -1;
	h->series = calloc(route_count() + 1, sizeof(*h->series));
	c = h->series ? open_listener(s->conf, &h->listen_fd, e)
		      : err_set(e, ERR_QUOTA, "http: out of memory");
	if (c != ERR_OK) {
		http_destroy(h);
		return c;
	}
	h->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, request_on_access, h,
		MHD_OPTION_LISTEN_SOCKET, h->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		(unsigned)MAX_CONNECTIONS_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_MEMORY_INCREMENT,
		(size_t)CONNECTION_STEP_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_NOTIFY_COMPLETED, request_on_completed, h, MHD_OPTION_NOTIFY_CONNECTION,
		clients_on_connection, &h->clients, MHD_OPTION_END);
	info = h->daemon ? MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		http_destroy(h);
		return err_set(e, ERR_INTERNAL, "http: libmicrohttpd does not start");
	}
	ev_init(&h->io, on_io);
	ev_init(&h->timer, on_timer);
	h->io.data = h->timer.data = h;
	loop_io(s->loop, &h->io, info->epoll_fd, EV_READ);
	loop_timer(s->loop, &h->timer, LONGEST_PAUSE_MS / 1000.0, 0);
	clients_watch(&h->clients, s->loop, s->conf->http_request_sec * UINT64_C(1000000));
	*out = h;
	return ERR_OK;
}

void http_stop_listening(struct http *h)
{
	if (h->listen_fd < 0)
		return;
	MHD_quiesce_daemon(h->daemon);
	close(h->listen_fd);
	h->listen_fd = -1;
}

bool http_quiet(const struct http *h)
{
	return !h->open;
}

struct http *http_destroy(struct http *h)
{
	if (!h)
		return NULL;
	if (h->daemon) {
		for (struct http_request *r = h->open, *next; r; r = next) {
			next = r->next;
			if (r->state == REQUEST_WAITING)
				request_detach(r);
			else if (r->stream)
				http_stream_end(r);
		}
		loop_io(h->services->loop, &h->io, -1, 0);
		loop_timer_stop(h->services->loop, &h->timer);
		clients_unwatch(&h->clients);
		http_stop_listening(h);
		MHD_stop_daemon(h->daemon);
	} else if (h->listen_fd >= 0) {
		close(h->listen_fd);
	}
	free(h->series);
	free(h);
	return NULL;
}
