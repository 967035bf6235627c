#include "server/dev/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

const char *client_host(const struct conf *c)
{
	if (!strcmp(c->listen_address, "0.0.0.0"))
		return "127.0.0.1";
	return strcmp(c->listen_address, "::") ? c->listen_address : "::1";
}

static int open_socket(const struct conf *c)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)c->http_port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)c->http_port) };
	const struct timeval limit = { .tv_sec = 30 };
	bool four = inet_pton(AF_INET, client_host(c), &v4.sin_addr) == 1;
	int fd = socket(four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if ((four || inet_pton(AF_INET6, client_host(c), &v6.sin6_addr) == 1) &&
	    !(four ? connect(fd, (struct sockaddr *)&v4, sizeof(v4)) : connect(fd, (struct sockaddr *)&v6, sizeof(v6))))
		return fd;
	close(fd);
	return -1;
}

static bool send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

/* The whole answer up to the connection's end; what does not fit is read and dropped. */
static size_t receive(int fd, char *to, size_t cap)
{
	size_t n = 0;
	char rest[4096];

	for (;;) {
		bool fits = n + 1 < cap;
		ssize_t got = fits ? recv(fd, to + n, cap - 1 - n, 0) : recv(fd, rest, sizeof(rest), 0);

		if (got <= 0)
			break;
		n += fits ? (size_t)got : 0;
	}
	to[n] = 0;
	return n;
}

unsigned client_call(const struct conf *c, const char *path, const char *content_type, struct slice body, char *answer,
		     size_t cap)
{
	char head[512], *text;
	unsigned status = 0;
	int fd = open_socket(c), n;

	answer[0] = 0;
	if (fd < 0)
		return 0;
	if (content_type)
		n = snprintf(head, sizeof(head),
			     "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: %s\r\n"
			     "Content-Length: %zu\r\n\r\n", path, content_type, body.n);
	else
		n = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
			     path);
	if (send_all(fd, head, (size_t)n) && send_all(fd, body.p, body.n) && receive(fd, answer, cap) > 12 &&
	    !strncmp(answer, "HTTP/1.", 7))
		status = (unsigned)strtoul(answer + 9, NULL, 10);
	close(fd);
	text = strstr(answer, "\r\n\r\n");
	if (text)
		memmove(answer, text + 4, strlen(text + 4) + 1);
	return status;
}
