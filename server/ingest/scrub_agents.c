#include "server/ingest/scrub.h"

#include <strings.h>

enum { PRODUCT_CHARS = 64, PLAIN_WORDS = 2 };

struct cursor {
	const char *p, *end;
};

static bool letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool product_char(char c)
{
	return letter(c) || digit(c) || (c && strchr("!#$&*+.^_`|~-", c));
}

static bool version_char(char c)
{
	return letter(c) || digit(c) || (c && strchr("._+~-", c));
}

/* Length of the slash at p, which may be percent-encoded; 0: none. */
static size_t slash(const char *p, const char *end)
{
	if (*p == '/')
		return 1;
	return end - p >= 3 && p[0] == '%' && p[1] == '2' && (p[2] | 0x20) == 'f' ? 3 : 0;
}

static const char *version_end(const char *p, const char *end)
{
	while (p < end && version_char(*p))
		p++;
	return p;
}

/* The end of product/version at p, NULL when there is none. */
static const char *product_at(const char *p, const char *end)
{
	const char *q = p;
	size_t n;

	if (q >= end || !letter(*q))
		return NULL;
	while (q < end && q - p < PRODUCT_CHARS && product_char(*q))
		q++;
	n = q < end ? slash(q, end) : 0;
	if (!n || q + n >= end || !(digit(q[n]) || ((q[n] | 0x20) == 'v' && q + n + 1 < end && digit(q[n + 1]))))
		return NULL;
	return version_end(q + n, end);
}

static const char *comment_end(const char *p, const char *end)
{
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return end; /* cut short: the rest belongs to it */
}

static const char *word_end(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && q - p < PRODUCT_CHARS && (product_char(*q) || *q == ',' || *q == ';'))
		q++;
	return q;
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || (end - p > 3 && memcmp(p, "%20", 3) == 0)))
		p += *p == '%' ? 3 : 1;
	return p;
}

/* From the end of one part of an agent to the end of the next: product, comment, or a plain word or two that
 * stand before such a part. NULL: it is over. */
static const char *next_part(const char *p, const char *end)
{
	static const char *const tails[] = { "like", "Gecko", "Mobile" };
	const char *q = skip_blanks(p, end);

	for (int words = 0; words <= PLAIN_WORDS && q < end; words++) {
		const char *e = *q == '(' ? comment_end(q, end) : product_at(q, end);

		if (e)
			return e;
		e = word_end(q, end);
		if (e == q)
			return NULL;
		for (size_t i = 0; words == 0 && i < sizeof(tails) / sizeof(*tails); i++)
			if ((size_t)(e - q) == strlen(tails[i]) && memcmp(q, tails[i], (size_t)(e - q)) == 0)
				return e;
		q = skip_blanks(e, end);
	}
	return NULL;
}

/* Does a comment follow, escaped as query strings have it? */
static bool escaped_comment(const char *p, const char *end)
{
	while (p < end && (*p == '+' || (end - p > 3 && memcmp(p, "%20", 3) == 0)))
		p += *p == '%' ? 3 : 1;
	return p < end && (*p == '(' || (end - p >= 3 && memcmp(p, "%28", 3) == 0));
}

/* Of an agent that stands in a query string, escaped: it ends where its value does. */
static const char *escaped_end(const char *p, const char *end)
{
	while (p < end && !memchr("& \t\r\n\"'#<>\\", *p, 11))
		p++;
	return p;
}

/* Does what has its slash at p start an agent? One product/version alone is none unless it is Mozilla or
 * has a version with a point; paths and dates must pass. */
static bool starts_agent(const char *from, const char *p, const char *version, const char *stop, const char *end)
{
	bool mozilla = p - from == 7 && strncasecmp(from, "Mozilla", 7) == 0;
	bool point = false;

	if (!letter(*from) || (p - from == 4 && memcmp(from, "HTTP", 4) == 0))
		return false;
	if (mozilla)
		return true;
	if (stop == version || !(digit(*version) || (*version | 0x20) == 'v'))
		return false;
	if (stop < end && *stop == '%' && escaped_comment(stop, end))
		return true;
	if (stop < end && !memchr(" \t\r\n;,)(\"'+|&<>]}\\", *stop, 19))
		return false; /* it goes on as a path */
	for (const char *q = version; q + 1 < stop; q++)
		point |= *q == '.' && digit(q[1]);
	if (point && p - from >= 3)
		return true;
	return stop < end && next_part(stop, end) != NULL;
}

void scrub_agents(struct scrub *s, struct slice part)
{
	const char *end = part.p + part.n, *done = part.p;

	for (const char *p = part.p; p < end; p++) {
		size_t n = slash(p, end);
		const char *q = p, *version, *stop;

		if (!n)
			continue;
		while (q > done && p - q <= PRODUCT_CHARS && product_char(q[-1]))
			q--;
		if (q == p || p - q > PRODUCT_CHARS || (q > done && !memchr(" \t\r\n\"'=,;([{:|<>\\", q[-1], 17)))
			continue;
		version = p + n;
		stop = version_end(version, end);
		if (!starts_agent(q, p, version, stop, end))
			continue;
		if (n > 1 || (stop < end && *stop == '%'))
			stop = escaped_end(stop, end);
		for (const char *next = next_part(stop, end); next; next = next_part(stop, end))
			stop = next;
		scrub_emails(s, (struct slice){ done, (size_t)(q - done) });
		scrub_replace(s, q, pii_agent(s->p, (struct slice){ q, (size_t)(stop - q) }));
		done = stop;
		p = stop - 1;
	}
	scrub_emails(s, (struct slice){ done, (size_t)(end - done) });
}
