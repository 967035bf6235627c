#include "server/http/health_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAME_HEADER_BYTES = 9, FRAME_SETTINGS = 4 };
static const double probe_timeout_s = 1;
/* HTTP/2's client preface and an empty SETTINGS frame. */
static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

struct probe {
	struct http_request *request;
	struct loop *loop;
	ev_io io;
	ev_timer timer;
	int fd;
	bool sent;
	unsigned char got[FRAME_HEADER_BYTES];
	size_t n;
};

static void answer_up(struct http_request *r)
{
	http_answer(r, 200, "application/json", SLICE("{\"status\":\"UP\"}"), 0);
}

static void answer_down(struct http_request *r, const char *reason)
{
	struct buf b;

	buf_init(&b, 256);
	buf_printf(&b, "{\"status\":\"DOWN\",\"reason\":\"%s\"}", reason);
	http_answer(r, 503, "application/json", (struct slice){ b.p, b.n }, 1);
	buf_reset(&b);
}

static void probe_end(struct probe *p, const char *failure)
{
	struct http_request *r = p->request;

	loop_io(p->loop, &p->io, -1, 0);
	loop_timer_stop(p->loop, &p->timer);
	close(p->fd);
	free(p);
	if (failure)
		answer_down(r, failure);
	else
		answer_up(r);
}

static void on_timeout(struct ev_loop *ev, ev_timer *w, int events)
{
	(void)ev, (void)events;
	probe_end(w->data, "the gRPC port does not answer");
}

static void on_io(struct ev_loop *ev, ev_io *w, int events)
{
	struct probe *p = w->data;
	ssize_t n;

	(void)ev, (void)events;
	if (!p->sent) {
		n = send(p->fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL);
		/* A fresh socket takes them whole, or is not connected. */
		if (n != (ssize_t)sizeof(hello) - 1) {
			probe_end(p, "the gRPC port takes no connection");
			return;
		}
		p->sent = true;
		loop_io(p->loop, &p->io, p->fd, EV_READ);
		return;
	}
	n = recv(p->fd, p->got + p->n, sizeof(p->got) - p->n, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		probe_end(p, "the gRPC port hung up");
		return;
	}
	p->n += (size_t)n;
	if (p->n == sizeof(p->got))
		probe_end(p, p->got[3] == FRAME_SETTINGS ? NULL
							 : "the gRPC port does not speak HTTP/2");
}

/* The port on this host, by the address it is bound to. -1 with errno. */
static int dial(const struct conf *c)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)c->grpc_port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons((uint16_t)c->grpc_port) };
	bool is_v6 = inet_pton(AF_INET6, c->listen_address, &v6.sin6_addr) == 1;
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr))
		v6.sin6_addr = in6addr_loopback;
	if (!is_v6 &&
	    (inet_pton(AF_INET, c->listen_address, &v4.sin_addr) != 1 || !v4.sin_addr.s_addr))
		v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((is_v6 ? connect(fd, (struct sockaddr *)&v6, sizeof(v6))
		   : connect(fd, (struct sockaddr *)&v4, sizeof(v4))) &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

void health_live_get(struct http_request *r)
{
	const struct services *s = http_services(r);
	struct probe *p = calloc(1, sizeof(*p));
	int fd = p ? dial(s->conf) : -1;

	if (fd < 0) {
		free(p);
		answer_down(r, "the gRPC port takes no connection");
		return;
	}
	p->request = r;
	p->loop = s->loop;
	p->fd = fd;
	ev_init(&p->io, on_io);
	ev_init(&p->timer, on_timeout);
	p->io.data = p->timer.data = p;
	loop_io(p->loop, &p->io, fd, EV_WRITE);
	loop_timer(p->loop, &p->timer, probe_timeout_s, 0);
}

void health_ready_get(struct http_request *r)
{
	const struct services *s = http_services(r);

	if (s->ready(s))
		answer_up(r);
	else
		answer_down(r, s->draining ? "shutting down" : "PostgreSQL is not reachable");
}
