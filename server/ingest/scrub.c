#include "server/ingest/scrub.h"

enum { ESCAPED_IP_CHARS = 80 /* the longest address, and an interface's name */ };

/* Characters without which there is nothing to find; one look at each byte settles most strings. */
static const unsigned char trigger[256] = {
	['@'] = 1, ['%'] = 1, ['.'] = 1, [':'] = 1, ['/'] = 1, ['='] = 1,
};

void scrub_replace(struct scrub *s, const char *upto, struct slice by)
{
	if (!s->dirty) {
		s->dirty = true;
		text_init(&s->out, s->p->a, (size_t)(upto - s->from) + by.n + 64);
		text_put(&s->out, s->from, (size_t)(upto - s->from));
	}
	text_slice(&s->out, by);
}

static void keep(struct scrub *s, struct slice part)
{
	if (s->dirty)
		text_slice(&s->out, part);
}

static struct slice between(const char *from, const char *to)
{
	return (struct slice){ from, (size_t)(to - from) };
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool hex(char c)
{
	return digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool alnum(char c)
{
	return digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Where an address that has its first separator at p may start; NULL when none can. */
static const char *ip_start(const char *from, const char *p, const char *end)
{
	const char *q = p;

	if (*p == '.') {
		while (q > from && p - q < 4 && digit(q[-1]))
			q--;
		return q < p && p - q < 4 ? q : NULL;
	}
	while (q > from && p - q < 5 && hex(q[-1]))
		q--;
	if (p - q > 4 || (q > from && alnum(q[-1])))
		return p + 1 < end && p[1] == ':' ? p : NULL; /* what is glued to a word may still go on with :: */
	if (q == p && (p + 1 >= end || p[1] != ':' || (p > from && p[-1] == ':')))
		return NULL;
	return q;
}

/* Length of the escaped ':' at p, as query strings have it, once or twice; 0: none. */
static size_t escaped_colon(const char *p, const char *end)
{
	if (end - p >= 3 && memcmp(p, "%3", 2) == 0 && (p[2] | 0x20) == 'a')
		return 3;
	return end - p >= 5 && memcmp(p, "%253", 4) == 0 && (p[4] | 0x20) == 'a' ? 5 : 0;
}

/* Is what stands before q the end of an escape? Its digits are no part of an address. */
static bool escape_before(const char *from, const char *q)
{
	return (q - from >= 3 && q[-3] == '%' && hex(q[-2]) && hex(q[-1])) ||
	       (q - from >= 5 && memcmp(q - 5, "%25", 3) == 0 && hex(q[-2]) && hex(q[-1]));
}

/* As ip_start, of an address whose colons are escaped; the first one is at p. */
static const char *escaped_start(const char *from, const char *p, const char *end)
{
	const char *q = p;

	while (q > from && p - q < 5 && hex(q[-1]) && !escape_before(from, q))
		q--;
	if (q == p || p - q > 4 || (q > from && alnum(q[-1]) && !escape_before(from, q)))
		return escaped_colon(p + escaped_colon(p, end), end) ? p : NULL;
	return q;
}

static unsigned hex_value(char c)
{
	return (unsigned)(digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* The character at p, out of its escape; the result is how many it took. */
static size_t unescape(const char *p, const char *end, char *c)
{
	size_t n = end - p >= 5 && memcmp(p, "%25", 3) == 0 && hex(p[3]) && hex(p[4]) ? 5 : 3;

	*c = *p;
	if (*p != '%' || end - p < 3 || !hex(p[n - 2]) || !hex(p[n - 1]))
		return 1;
	*c = (char)(hex_value(p[n - 2]) << 4 | hex_value(p[n - 1]));
	return n;
}

/* As ip_at, where characters may be escaped. */
static size_t escaped_ip_at(struct slice s, char net[IP_TEXT_BYTES])
{
	char plain[ESCAPED_IP_CHARS];
	size_t ends[ESCAPED_IP_CHARS], n = 0, at = 0;

	while (n < ESCAPED_IP_CHARS && at < s.n) {
		at += unescape(s.p + at, s.p + s.n, &plain[n]);
		ends[n++] = at;
	}
	n = ip_at((struct slice){ plain, n }, net);
	return n ? ends[n - 1] : 0;
}

/* The address around the separator at p: where it starts, and its length, 0: there is none. */
static const char *ip_around(const char *from, const char *p, const char *end, char net[IP_TEXT_BYTES], size_t *n)
{
	bool escaped = *p == '%';
	const char *q = escaped ? escaped_start(from, p, end) : ip_start(from, p, end);

	*n = 0;
	if (!q)
		return p;
	*n = escaped ? escaped_ip_at(between(q, end), net) : ip_at(between(q, end), net);
	if ((size_t)(p - q) >= *n)
		*n = 0;
	return q;
}

void scrub_ips(struct scrub *s, struct slice part)
{
	const char *end = part.p + part.n, *done = part.p;
	char net[IP_TEXT_BYTES];

	for (const char *p = part.p; p < end; p++) {
		const char *q;
		size_t n;

		if (*p != '.' && *p != ':' && (*p != '%' || !escaped_colon(p, end)))
			continue;
		q = ip_around(done, p, end, net, &n);
		if (!n)
			continue;
		keep(s, between(done, q));
		s->p->lossy = true;
		scrub_replace(s, q, slice_of(net));
		done = q + n;
		p = done - 1;
	}
	keep(s, between(done, end));
}

/* Length of the '@' at p: itself or percent-encoded, once or twice; 0: none. */
static size_t at_sign(const char *p, const char *end)
{
	if (*p == '@')
		return 1;
	if (*p == '%' && end - p >= 3 && memcmp(p, "%40", 3) == 0)
		return 3;
	return *p == '%' && end - p >= 5 && memcmp(p, "%2540", 5) == 0 ? 5 : 0;
}

static bool local_char(char c)
{
	return alnum(c) || (unsigned char)c >= 0x80 || (c && strchr("._%+-'!#$*^~`{|}", c));
}

static bool domain_char(char c)
{
	return alnum(c) || (unsigned char)c >= 0x80 || c == '-' || c == '.' || c == '_';
}

static const char *domain_end(const char *p, const char *end)
{
	const char *q = p;

	if (q < end && *q == '[') {
		for (q++; q < end && q - p < 64 && (hex(*q) || memchr(":.IPv", *q, 5));)
			q++;
		return q < end && *q == ']' ? q + 1 : q;
	}
	while (q < end && domain_char(*q))
		q++;
	while (q > p && memchr(".-_", q[-1], 3))
		q--;
	return q;
}

/* Back from the '@' over the local part, quoted or not. */
static const char *local_start(const char *from, const char *at)
{
	const char *q = at;

	if (q - from >= 2 && q[-1] == '"') {
		for (q -= 2; q > from && at - q < 128 && *q != '"';)
			q--;
		return *q == '"' ? q : at;
	}
	while (q > from && local_char(q[-1]))
		q--;
	while (q < at && (*q == '\'' || *q == '.' || *q == '`'))
		q++;
	return q;
}

bool email_around(struct slice s, size_t from, size_t at, size_t *local, size_t *domain, size_t *end)
{
	const char *e = s.p + s.n, *p = s.p + at, *l, *d, *stop = NULL;
	size_t sign = at_sign(p, e);

	if (!sign)
		return false;
	l = local_start(s.p + from, p);
	if (l == p)
		return false;
	for (d = p + sign; sign; d = stop + sign) { /* a@b@c: the domain is what follows the last one */
		const char *q = domain_end(d, e);

		if (q == d)
			break;
		stop = q;
		*domain = (size_t)(d - s.p);
		sign = stop < e ? at_sign(stop, e) : 0;
	}
	*local = (size_t)(l - s.p);
	*end = stop ? (size_t)(stop - s.p) : 0;
	return stop != NULL;
}

void scrub_emails(struct scrub *s, struct slice part)
{
	size_t done = 0, from = 0;

	for (size_t i = 0; i < part.n; i++) {
		size_t local, domain, end;

		if (part.p[i] != '@' && part.p[i] != '%')
			continue;
		if (!at_sign(part.p + i, part.p + part.n))
			continue;
		if (!email_around(part, from, i, &local, &domain, &end)) {
			from = i + 1; /* no look behind passes this point again */
			continue;
		}
		scrub_ips(s, (struct slice){ part.p + done, local - done });
		scrub_replace(s, part.p + local,
			      email_hash(s->p, (struct slice){ part.p + local, i - local },
					 (struct slice){ part.p + domain, end - domain }));
		done = from = end;
		i = end - 1;
	}
	scrub_ips(s, (struct slice){ part.p + done, part.n - done });
}

struct slice pii_scrub(struct pii *p, struct slice value)
{
	struct scrub s = { .p = p, .from = value.p };
	size_t i = 0;

	while (i < value.n && !trigger[(unsigned char)value.p[i]])
		i++;
	if (i == value.n)
		return value;
	scrub_keys(&s, value);
	if (!s.dirty)
		return value;
	p->altered = true;
	p->failed |= s.out.failed;
	return text_done(&s.out);
}
