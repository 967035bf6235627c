#include "server/http/clients.h"

#include "storage/base/clock.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#define LOOK_S 1.0

struct http_client {
	struct http_client *next, **link;
	struct MHD_Connection *connection;
	uint64_t since_us;
	bool waits;                    /* for our answer */
};

static struct http_client *client_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i ? i->socket_context : NULL;
}

/* The daemon finds the end of the stream, and closes the connection in its own time. */
static void hang_up(const struct http_client *k)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(k->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	shutdown(i->connect_fd, SHUT_RDWR);
}

static void on_look(struct ev_loop *ev, ev_timer *t, int revents)
{
	const struct http_clients *cs = t->data;
	uint64_t now = clock_mono_us();

	(void)ev, (void)revents;
	for (const struct http_client *k = cs->first; k; k = k->next)
		if (!k->waits && now - k->since_us >= cs->patience_us)
			hang_up(k);
}

void clients_watch(struct http_clients *cs, struct loop *l, uint64_t patience_us)
{
	cs->loop = l;
	cs->patience_us = patience_us;
	ev_init(&cs->look, on_look);
	cs->look.data = cs;
	loop_timer(l, &cs->look, LOOK_S, LOOK_S);
}

void clients_unwatch(struct http_clients *cs)
{
	if (cs->loop)
		loop_timer_stop(cs->loop, &cs->look);
}

static void add(struct http_clients *cs, struct MHD_Connection *c, void **slot)
{
	struct http_client *k = calloc(1, sizeof(*k));

	*slot = k; /* without memory it is not watched */
	if (!k)
		return;
	k->connection = c;
	k->since_us = clock_mono_us();
	k->next = cs->first;
	k->link = &cs->first;
	if (k->next)
		k->next->link = &k->next;
	cs->first = k;
}

static void drop(struct http_client *k)
{
	*k->link = k->next;
	if (k->next)
		k->next->link = k->link;
	free(k);
}

void clients_on_connection(void *cls, struct MHD_Connection *c, void **slot,
			   enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		add(cls, c, slot);
	else if (*slot)
		drop(*slot);
}

void clients_note_request(struct MHD_Connection *c)
{
	struct http_client *k = client_of(c);

	if (k)
		k->waits = true;
}

void clients_note_answer(struct MHD_Connection *c)
{
	struct http_client *k = client_of(c);

	if (!k)
		return;
	k->waits = false;
	k->since_us = clock_mono_us();
}
