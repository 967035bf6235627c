#include "server/key_reload.h"

#include "server/ingest/ingest.h"
#include "storage/base/log.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

struct key_reload {
	const struct services *services;
	ev_signal hangup;
	struct offload_task task;
	char key[CONF_TEXT_BYTES];
	const char *why;           /* the file could not be read */
	bool reading;
};

static void on_read(struct offload_task *t)
{
	struct key_reload *k = (struct key_reload *)((char *)t - offsetof(struct key_reload, task));

	k->why = NULL;
	conf_read_secret(k->services->conf->pii_hmac_key_file, k->key, &k->why);
}

static void on_done(struct offload_task *t)
{
	struct key_reload *k = (struct key_reload *)((char *)t - offsetof(struct key_reload, task));

	k->reading = false;
	if (k->why)
		log_error("key_reload", "PII_HMAC_KEY_FILE: %s; the key stays", k->why);
	else if (!ingest_use_key(k->services->ingest, k->key))
		log_error("key_reload", "PII_HMAC_KEY_FILE holds no key of 16 bytes or more; the key stays");
	else
		log_info("key_reload", "the pseudonymization key was read again");
	explicit_bzero(k->key, sizeof(k->key));
}

static void read_again(struct key_reload *k)
{
	if (!*k->services->conf->pii_hmac_key_file) {
		log_info("key_reload", "PII_HMAC_KEY_FILE is not set: nothing to read again");
		return;
	}
	if (k->reading)
		return;
	k->task = (struct offload_task){ .run = on_read, .done = on_done };
	k->reading = offload_submit(k->services->offload, &k->task) == ERR_OK;
}

static void on_hangup(struct ev_loop *ev, ev_signal *w, int revents)
{
	(void)ev, (void)revents;
	read_again(w->data);
}

enum err_code key_reload_start(struct key_reload **out, const struct services *s, struct err *e)
{
	struct key_reload *k = calloc(1, sizeof(*k));

	if (!k)
		return err_set(e, ERR_QUOTA, "no memory to watch for SIGHUP");
	k->services = s;
	ev_signal_init(&k->hangup, on_hangup, SIGHUP);
	k->hangup.data = k;
	ev_signal_start(s->loop->ev, &k->hangup);
	s->loop->changed = true;
	if (*s->conf->pii_hmac_key_file) /* a worker started again: its settings may be older than the file */
		read_again(k);
	*out = k;
	return ERR_OK;
}

struct key_reload *key_reload_stop(struct key_reload *k)
{
	if (!k)
		return NULL;
	ev_signal_stop(k->services->loop->ev, &k->hangup);
	free(k);
	return NULL;
}
