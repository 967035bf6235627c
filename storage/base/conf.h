/* storage/base/conf.h -- the settings, read once from environment and flags (a flag wins).
 * Memory: strings belong to the struct's own storage, for the life of the process. Threads: read-only
 * after conf_load. Blocking: reads NAME_FILE files, so only at start. */
#ifndef STORAGE_BASE_CONF_H
#define STORAGE_BASE_CONF_H

#include "storage/base/conf.def.h"
#include "storage/base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CONF_TEXT_BYTES = 256, CONF_KEY_MIN_BYTES = 16, CONF_KEY_ID_BYTES = 40, CONF_OLD_KEYS = 8 };

struct conf {
#define X(field, ...) uint32_t field;
	CONF_UINTS(X)
#undef X
#define X(field, ...) char field[CONF_TEXT_BYTES];
	CONF_STRINGS(X)
	CONF_SECRETS(X)
#undef X
#define X(field, ...) char field##_file[CONF_TEXT_BYTES]; /* where it came from, to be read again; or "" */
	CONF_SECRETS(X)
#undef X
};

/* Defaults, then environment, then flags in argv[0..argc) ("--name value" or "--name=value").
 * Arguments that are no setting are compacted to the front of argv and counted in *argc.
 * Each mistake prints one clear line to errors (naming the setting); false when there was any. */
bool conf_load(struct conf *c, int *argc, char **argv, FILE *errors);
/* The content of a secret's file, without its line end. On failure *why says so, and out is untouched. */
bool conf_read_secret(const char *path, char out[CONF_TEXT_BYTES], const char **why);
/* The next of id:key,id:key: its halves, slices of *list, which moves behind them. False: no key is written there. */
bool conf_next_key(const char **list, struct slice *id, struct slice *key);
/* Connections that a worker cannot do without: to store, to ask, and to project. */
unsigned conf_least_conns(const struct conf *c);
void conf_print_help(FILE *to);  /* one line a setting: flag, NAME, default, range, unit, help */

#endif
