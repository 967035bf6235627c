#include "storage/base/conf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONEINFO "/usr/share/zoneinfo/"
enum { NAME_BYTES = 64 };

enum conf_kind { CONF_UINT, CONF_TEXT, CONF_SECRET };

struct conf_row {
	enum conf_kind kind;
	const char *name;      /* NAME of the environment variable; the flag is made from it */
	size_t offset;
	size_t file_offset;    /* of a secret: where its file's path is kept */
	uint32_t def, min, max;
	const char *text;      /* default of a string */
	const char *unit, *help;
};

static const struct conf_row rows[] = {
#define X(field, name, d, lo, hi, u, h) \
	{ CONF_UINT, #name, offsetof(struct conf, field), 0, d, lo, hi, NULL, u, h },
	CONF_UINTS(X)
#undef X
#define X(field, name, d, h) { CONF_TEXT, #name, offsetof(struct conf, field), 0, 0, 0, 0, d, "", h },
	CONF_STRINGS(X)
#undef X
#define X(field, name, h)                                                                            \
	{ CONF_SECRET, #name, offsetof(struct conf, field), offsetof(struct conf, field##_file),    \
	  0, 0, 0, "", "", h },
	CONF_SECRETS(X)
#undef X
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

/* What one row has been told, and from where. */
struct source {
	const char *value, *file;
};

static void flag_of(const char *name, char *flag)
{
	char *to = flag;

	*to++ = '-';
	*to++ = '-';
	for (; *name; name++)
		*to++ = *name == '_' ? '-' : (char)tolower((unsigned char)*name);
	*to = 0;
}

static void *field(struct conf *c, const struct conf_row *r)
{
	return (char *)c + r->offset;
}

static bool set_uint(struct conf *c, const struct conf_row *r, const char *v, FILE *errors)
{
	bool digits = *v && strlen(v) <= 10;
	uint64_t n = 0;

	for (const char *p = v; digits && *p; p++) {
		digits = *p >= '0' && *p <= '9';
		n = n * 10 + (uint64_t)(*p - '0');
	}
	if (!digits || n < r->min || n > r->max) {
		fprintf(errors, "%s: \"%.40s\" is not a whole number from %u to %u\n", r->name, v, r->min, r->max);
		return false;
	}
	memcpy(field(c, r), &(uint32_t){ (uint32_t)n }, sizeof(uint32_t));
	return true;
}

static bool set_text(struct conf *c, const struct conf_row *r, const char *v, FILE *errors)
{
	if (strlen(v) >= CONF_TEXT_BYTES) {
		fprintf(errors, "%s: longer than %d bytes\n", r->name, CONF_TEXT_BYTES - 1);
		return false;
	}
	memcpy(field(c, r), v, strlen(v) + 1);
	return true;
}

bool conf_read_secret(const char *path, char out[CONF_TEXT_BYTES], const char **why)
{
	char text[CONF_TEXT_BYTES + 2];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = fd < 0 ? -1 : 0;

	while (fd >= 0 && n < sizeof(text) && (got = read(fd, text + n, sizeof(text) - n)) > 0)
		n += (size_t)got;
	*why = got < 0 ? strerror(errno) : NULL;
	if (fd >= 0)
		close(fd);
	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) /* as editors and `echo` leave them */
		n--;
	if (!*why && n >= CONF_TEXT_BYTES)
		*why = "more than 255 bytes";
	if (!*why && memchr(text, 0, n))
		*why = "a NUL byte in it";
	if (*why)
		return false;
	memcpy(out, text, n);
	out[n] = 0;
	return true;
}

static bool set_from_file(struct conf *c, const struct conf_row *r, const char *path, FILE *errors)
{
	const char *why;

	if (strlen(path) >= CONF_TEXT_BYTES || !conf_read_secret(path, field(c, r), &why)) {
		fprintf(errors, "%s_FILE: cannot use %s: %s\n", r->name, path,
			strlen(path) >= CONF_TEXT_BYTES ? "the path is too long" : why);
		return false;
	}
	memcpy((char *)c + r->file_offset, path, strlen(path) + 1);
	return true;
}

/* An empty variable counts as not set, as deployment templates leave them. */
static const char *env_of(const char *name, const char *suffix)
{
	char key[NAME_BYTES];
	const char *v;

	snprintf(key, sizeof(key), "%s%s", name, suffix);
	v = getenv(key);
	return v && *v ? v : NULL;
}

/* Where arg's value starts when arg is `flag` followed by suffix, then "=" or the end; else NULL. */
static const char *flag_value(const char *arg, const char *flag, const char *suffix)
{
	size_t n = strlen(flag), m = strlen(suffix);

	if (strncmp(arg, flag, n) || strncmp(arg + n, suffix, m) || (arg[n + m] && arg[n + m] != '='))
		return NULL;
	return arg + n + m;
}

/* Takes the flag at argv[*i] into from[], moving *i over its value. False when it is no setting. */
static bool take_flag(int argc, char **argv, int *i, struct source *from, bool *ok, FILE *errors)
{
	for (size_t k = 0; k < ROWS; k++) {
		char flag[NAME_BYTES];
		const char *at, *v;
		bool file = false;

		flag_of(rows[k].name, flag);
		at = flag_value(argv[*i], flag, "");
		if (!at && rows[k].kind == CONF_SECRET) {
			at = flag_value(argv[*i], flag, "-file");
			file = at != NULL;
		}
		if (!at)
			continue;
		v = *at == '=' ? at + 1 : *i + 1 < argc ? argv[++*i] : NULL;
		if (!v) {
			fprintf(errors, "%s%s needs a value\n", flag, file ? "-file" : "");
			*ok = false;
			return true;
		}
		from[k] = file ? (struct source){ NULL, v } : (struct source){ v, NULL };
		return true;
	}
	return false;
}

static bool apply(struct conf *c, const struct conf_row *r, struct source from, FILE *errors)
{
	if (from.value && from.file) {
		fprintf(errors, "%s: set both as %s and as %s_FILE\n", r->name, r->name, r->name);
		return false;
	}
	if (from.file)
		return set_from_file(c, r, from.file, errors);
	if (!from.value)
		return true;
	return r->kind == CONF_UINT ? set_uint(c, r, from.value, errors) : set_text(c, r, from.value, errors);
}

static void set_defaults(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	for (size_t k = 0; k < ROWS; k++) {
		if (rows[k].kind == CONF_UINT)
			memcpy(field(c, &rows[k]), &rows[k].def, sizeof(uint32_t));
		else
			memcpy(field(c, &rows[k]), rows[k].text, strlen(rows[k].text) + 1);
	}
}

static bool one_of(const char *v, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(v, *list))
			return true;
	return false;
}

/* A zone is a name below the system's database, never a way out of it. */
static bool zone_exists(const char *zone)
{
	char path[sizeof(ZONEINFO) + CONF_TEXT_BYTES], magic[4];
	struct stat st;
	int fd;
	bool ok;

	if (!strcmp(zone, "UTC"))
		return true;
	if (!isalpha((unsigned char)*zone))
		return false;
	for (const char *p = zone; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_+-/", *p))
			return false;
	snprintf(path, sizeof(path), ZONEINFO "%s", zone);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	ok = !fstat(fd, &st) && S_ISREG(st.st_mode) && read(fd, magic, 4) == 4 && !memcmp(magic, "TZif", 4);
	close(fd);
	return ok;
}

static bool is_currency(const char *v)
{
	return strlen(v) == 3 && strspn(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

static bool is_address(const char *v)
{
	unsigned char to[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, v, to) == 1 || inet_pton(AF_INET6, v, to) == 1;
}

/* host:port, or any of gRPC's names that end so. */
static bool is_host_port(const char *v)
{
	const char *port = strrchr(v, ':');
	size_t digits = port ? strspn(port + 1, "0123456789") : 0;
	unsigned long n = digits && digits <= 5 && !port[1 + digits] ? strtoul(port + 1, NULL, 10) : 0;

	return port && port > v && n >= 1 && n <= 65535;
}

/* A key, or id:key. */
static bool is_key(const char *v)
{
	const char *colon = strchr(v, ':');
	bool named = colon && colon > v && colon - v < CONF_KEY_ID_BYTES;

	return strlen(v) >= 32 && (!named || strlen(colon + 1) >= CONF_KEY_MIN_BYTES);
}

bool conf_next_key(const char **list, struct slice *id, struct slice *key)
{
	size_t n = strcspn(*list, ","), colon = strcspn(*list, ":");

	if (!colon || colon >= n || n - colon - 1 < CONF_KEY_MIN_BYTES)
		return false;
	*id = (struct slice){ *list, colon };
	*key = (struct slice){ *list + colon + 1, n - colon - 1 };
	*list += n + ((*list)[n] == ',');
	return true;
}

static bool are_keys(const char *list)
{
	struct slice id, key;

	for (unsigned keys = 0; *list; keys++)
		if (keys == CONF_OLD_KEYS || !conf_next_key(&list, &id, &key))
			return false;
	return true;
}

unsigned conf_least_conns(const struct conf *c)
{
	return 2 + c->projector;
}

/* What two settings say of each other. */
static bool check_connections(const struct conf *c, FILE *errors)
{
	unsigned workers = c->workers ? c->workers : 1, least = workers * conf_least_conns(c);

	if (c->db_max_open_conns >= least)
		return true;
	fprintf(errors, "DB_MAX_OPEN_CONNS: %u is too few: WORKERS %u need %u connections\n", c->db_max_open_conns, workers,
		least);
	return false;
}

/* What a range or a length cannot say. */
static bool check_meaning(const struct conf *c, FILE *errors)
{
	static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
	static const char *const modes[] = { "disable", "prefer", "require", "verify-ca", "verify-full", NULL };
	const struct {
		bool ok;
		const char *name, *value, *wrong;
	} checks[] = {
		{ one_of(c->log_level, levels), "LOG_LEVEL", c->log_level, "is none of debug, info, warn, error" },
		{ one_of(c->db_sslmode, modes), "DB_SSLMODE", c->db_sslmode,
		  "is none of disable, prefer, require, verify-ca, verify-full" },
		{ zone_exists(c->business_timezone), "BUSINESS_TIMEZONE", c->business_timezone,
		  "is no time zone in " ZONEINFO },
		{ is_currency(c->reporting_currency), "REPORTING_CURRENCY", c->reporting_currency,
		  "is not three capital letters (ISO 4217)" },
		{ is_address(c->listen_address), "LISTEN_ADDRESS", c->listen_address, "is no IPv4 or IPv6 address" },
		{ *c->db_host, "DB_HOST", NULL, "is empty" },
		{ *c->db_name, "DB_NAME", NULL, "is empty" },
		{ *c->db_user, "DB_USER", NULL, "is empty" },
		{ *c->pii_hmac_key_id, "PII_HMAC_KEY_ID", NULL, "is empty" },
		{ strlen(c->pii_hmac_key_id) < CONF_KEY_ID_BYTES, "PII_HMAC_KEY_ID", c->pii_hmac_key_id, "is longer than 39 bytes" },
		{ !*c->pii_hmac_key || is_key(c->pii_hmac_key), "PII_HMAC_KEY", NULL, "is shorter than 32 bytes, or 16 behind its id" },
		{ are_keys(c->pii_hmac_old_keys), "PII_HMAC_OLD_KEYS", NULL,
		  "is not id:key,id:key, at most 8 keys of 16 bytes or more" },
		{ !*c->order_service_addr || is_host_port(c->order_service_addr), "ORDER_SERVICE_ADDR", c->order_service_addr,
		  "is not host:port" },
		{ c->grpc_port != c->http_port, "HTTP_PORT", NULL, "is the same as GRPC_PORT" },
	};
	bool ok = check_connections(c, errors);

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		if (checks[i].ok)
			continue;
		if (checks[i].value)
			fprintf(errors, "%s: \"%.60s\" %s\n", checks[i].name, checks[i].value, checks[i].wrong);
		else
			fprintf(errors, "%s %s\n", checks[i].name, checks[i].wrong);
		ok = false;
	}
	return ok;
}

bool conf_load(struct conf *c, int *argc, char **argv, FILE *errors)
{
	struct source from[ROWS] = { 0 };
	bool ok = true, rows_ok = true;
	int kept = 0;

	for (size_t k = 0; k < ROWS; k++) {
		from[k].value = env_of(rows[k].name, "");
		if (rows[k].kind == CONF_SECRET)
			from[k].file = env_of(rows[k].name, "_FILE");
	}
	for (int i = 0; i < *argc; i++) {
		int at = i;

		if (!take_flag(*argc, argv, &i, from, &ok, errors))
			argv[kept++] = argv[at];
	}
	*argc = kept;
	set_defaults(c);
	for (size_t k = 0; k < ROWS; k++)
		rows_ok = apply(c, &rows[k], from[k], errors) && rows_ok;
	/* A row that was refused still has its default, so it is not blamed twice. */
	return check_meaning(c, errors) && rows_ok && ok;
}

void conf_print_help(FILE *to)
{
	for (size_t k = 0; k < ROWS; k++) {
		const struct conf_row *r = &rows[k];
		char flag[NAME_BYTES], range[64] = "";

		flag_of(r->name, flag);
		if (r->kind == CONF_UINT)
			snprintf(range, sizeof(range), "%u (%u..%u%s%s)", r->def, r->min, r->max, *r->unit ? " " : "",
				 r->unit);
		else if (r->kind == CONF_TEXT)
			snprintf(range, sizeof(range), "%s", r->text);
		else
			snprintf(range, sizeof(range), "secret; also %s_FILE", r->name);
		fprintf(to, "  %-28s %-26s %-32s %s\n", flag, r->name, range, r->help);
	}
}
