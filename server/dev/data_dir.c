#include "server/dev/data_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void data_dir_path(const struct data_dir *d, const char *name, char path[DATA_DIR_PATH_BYTES])
{
	/* data_dir_open leaves room for the longest of our names. */
	snprintf(path, DATA_DIR_PATH_BYTES, "%.*s/%s", DATA_DIR_PATH_BYTES - 64, d->path, name);
}

bool data_dir_has(const struct data_dir *d, const char *name)
{
	char path[DATA_DIR_PATH_BYTES];

	data_dir_path(d, name, path);
	return access(path, F_OK) == 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void data_dir_remove(const struct data_dir *d, const char *name)
{
	char path[DATA_DIR_PATH_BYTES];

	data_dir_path(d, name, path);
	remove_tree(path);
}

/* Ours, or empty: nobody's files get a new owner because of a mistyped directory. */
static enum err_code check_content(const struct data_dir *d, struct err *e)
{
	const struct dirent *f;
	bool empty = true;
	DIR *dir = opendir(d->path);

	if (!dir)
		return err_set(e, ERR_PRECONDITION, "%.150s: %s", d->path, strerror(errno));
	while ((f = readdir(dir)))
		empty = empty && (!strcmp(f->d_name, ".") || !strcmp(f->d_name, ".."));
	closedir(dir);
	if (!empty && !data_dir_has(d, "lock"))
		return err_set(e, ERR_PRECONDITION, "%.120s is not empty and was not made by analyticsd dev", d->path);
	return ERR_OK;
}

static enum err_code take_lock(struct data_dir *d, struct err *e)
{
	char path[DATA_DIR_PATH_BYTES];

	data_dir_path(d, "lock", path);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0)
		return err_set(e, ERR_PRECONDITION, "%.150s: %s", path, strerror(errno));
	if (flock(d->lock, LOCK_EX | LOCK_NB))
		return err_set(e, ERR_PRECONDITION, "another analyticsd dev is running on %.120s", d->path);
	return ERR_OK;
}

/* PostgreSQL refuses root: then it runs as the owner of what is there, else as postgres or nobody. */
static enum err_code choose_owner(struct data_dir *d, struct err *e)
{
	char path[DATA_DIR_PATH_BYTES];
	const struct passwd *pw;
	struct stat st;
	bool there;

	data_dir_path(d, "data", path);
	there = !stat(path, &st);
	d->uid = geteuid();
	d->gid = getegid();
	if (d->uid) {
		if (there && st.st_uid != d->uid)
			return err_set(e, ERR_PRECONDITION, "%.120s belongs to another user; start as that user or as root",
				       d->path);
		return ERR_OK;
	}
	if (there && st.st_uid) {
		d->uid = st.st_uid;
		d->gid = st.st_gid;
		return ERR_OK;
	}
	pw = getpwnam("postgres");
	pw = pw ? pw : getpwnam("nobody");
	if (!pw || !pw->pw_uid)
		return err_set(e, ERR_PRECONDITION, "PostgreSQL refuses to run as root, there is no user postgres or nobody");
	d->uid = pw->pw_uid;
	d->gid = pw->pw_gid;
	if (chown(d->path, d->uid, d->gid))
		return err_set(e, ERR_PRECONDITION, "%.120s: chown: %s", d->path, strerror(errno));
	return ERR_OK;
}

static enum err_code make_temporary(struct data_dir *d, struct err *e)
{
	const char *base = getenv("TMPDIR");

	snprintf(d->path, sizeof(d->path), "%.900s/analyticsd-dev-XXXXXX", base && *base == '/' ? base : "/tmp");
	if (!mkdtemp(d->path))
		return err_set(e, ERR_PRECONDITION, "%.120s: %s", d->path, strerror(errno));
	d->temporary = true;
	return ERR_OK;
}

static enum err_code make_named(struct data_dir *d, const char *dir, struct err *e)
{
	char full[PATH_MAX];

	if (mkdir(dir, 0700) && errno != EEXIST)
		return err_set(e, ERR_PRECONDITION, "%.120s: %s", dir, strerror(errno));
	if (!realpath(dir, full) || strlen(full) > DATA_DIR_PATH_BYTES - 64)
		return err_set(e, ERR_PRECONDITION, "%.120s: %s", dir, errno ? strerror(errno) : "too long");
	memcpy(d->path, full, strlen(full) + 1);
	return check_content(d, e);
}

enum err_code data_dir_open(struct data_dir *d, const char *dir, struct err *e)
{
	enum err_code c;

	*d = (struct data_dir){ .lock = -1 };
	c = dir ? make_named(d, dir, e) : make_temporary(d, e);
	if (!c)
		c = take_lock(d, e);
	if (!c)
		c = choose_owner(d, e);
	if (c)
		data_dir_close(d);
	return c;
}

void data_dir_unlock(struct data_dir *d)
{
	if (d->lock >= 0)
		close(d->lock);
	d->lock = -1;
}

void data_dir_close(struct data_dir *d)
{
	if (d->temporary)
		remove_tree(d->path);
	data_dir_unlock(d);
}

static bool read_secret(const char *path, char key[PII_KEY_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, key, PII_KEY_BYTES - 1);
	close(fd);
	key[PII_KEY_BYTES - 1] = 0;
	return n == PII_KEY_BYTES - 1 && strspn(key, "0123456789abcdef") == PII_KEY_BYTES - 1;
}

/* Under its final name only once it is whole and on the disk. */
static bool write_secret(const struct data_dir *d, const char *path, const char key[PII_KEY_BYTES])
{
	char half[DATA_DIR_PATH_BYTES + 8];
	bool ok;
	int fd;

	snprintf(half, sizeof(half), "%s.new", path);
	unlink(half);
	fd = open(half, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	ok = write(fd, key, PII_KEY_BYTES - 1) == PII_KEY_BYTES - 1 && !fsync(fd) &&
	     (d->uid == geteuid() || !fchown(fd, d->uid, d->gid));
	close(fd);
	return ok && !rename(half, path);
}

enum err_code data_dir_secret(const struct data_dir *d, const char *name, char key[PII_KEY_BYTES], struct err *e)
{
	char path[DATA_DIR_PATH_BYTES];

	data_dir_path(d, name, path);
	if (read_secret(path, key))
		return ERR_OK;
	if (data_dir_has(d, name))
		return err_set(e, ERR_PRECONDITION, "%.150s is not readable, or is not 64 hexadecimal digits", path);
	pii_key_make(key);
	if (!write_secret(d, path, key))
		return err_set(e, ERR_PRECONDITION, "%.150s: %s", path, strerror(errno));
	return ERR_OK;
}
