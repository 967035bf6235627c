/* server/dev/data_dir.h -- the directory of a dev instance: DIR/data (PostgreSQL's), DIR/postgres.log,
 * DIR/lock, and two secrets of mode 0600: DIR/password and DIR/pii_hmac_key.
 * Threads: one. Blocking: files. */
#ifndef SERVER_DEV_DATA_DIR_H
#define SERVER_DEV_DATA_DIR_H

#include "storage/base/err.h"
#include "storage/pii_key.h"

#include <sys/types.h>

enum { DATA_DIR_PATH_BYTES = 1024 };

struct data_dir {
	char path[DATA_DIR_PATH_BYTES];  /* absolute */
	bool temporary;                  /* removed by data_dir_close */
	int lock;
	uid_t uid;                       /* who owns what is in it, and runs PostgreSQL */
	gid_t gid;
};

/* dir NULL: a new temporary one. ERR_PRECONDITION: another dev uses it, or it is somebody else's. The lock is held
 * until this process and those it forked are gone, unless they call data_dir_unlock. */
MUST_CHECK enum err_code data_dir_open(struct data_dir *d, const char *dir, struct err *e);
void data_dir_unlock(struct data_dir *d);          /* in a child */
void data_dir_close(struct data_dir *d);
/* DIR/name into path. */
void data_dir_path(const struct data_dir *d, const char *name, char path[DATA_DIR_PATH_BYTES]);
bool data_dir_has(const struct data_dir *d, const char *name);
void data_dir_remove(const struct data_dir *d, const char *name);  /* and all that is below it */
/* Reads the secret of this name, or makes it. */
MUST_CHECK enum err_code data_dir_secret(const struct data_dir *d, const char *name, char key[PII_KEY_BYTES],
					 struct err *e);

#endif
