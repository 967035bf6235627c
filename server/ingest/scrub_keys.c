#include "server/ingest/scrub.h"

enum { KEY_CHARS = 64, BLANKS = 8, ADDRESS_BYTES = 128 };

static bool key_char(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '-' || c == '.';
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The key that ends before p (a ':' or '='): bare, quoted, or quoted with escaped quotes. */
static struct slice key_before(const char *from, const char *p)
{
	const char *end = p, *q;

	while (end > from && p - end < BLANKS && blank(end[-1]))
		end--;
	if (end > from && (end[-1] == '"' || end[-1] == '\'')) {
		end--;
		while (end > from && p - end < 2 * BLANKS && end[-1] == '\\')
			end--;
	} else if (end > from && end[-1] == ']') { /* customer[phone] in a query string */
		end--;
	} else if (end - from >= 3 && memcmp(end - 3, "%5D", 3) == 0) {
		end -= 3;
	}
	for (q = end; q > from && end - q <= KEY_CHARS && key_char(q[-1]);)
		q--;
	return (struct slice){ q, (size_t)(end - q) };
}

/* Behind the bracket that closes the one at p; strings inside are stepped over. */
static const char *bracket_end(const char *p, const char *end)
{
	size_t depth = 0;

	for (; p < end; p++) {
		if (*p == '"') {
			for (p++; p < end && *p != '"'; p++)
				p += *p == '\\' && p + 1 < end;
			if (p >= end)
				return end;
		} else if (*p == '{' || *p == '[') {
			depth++;
		} else if ((*p == '}' || *p == ']') && --depth == 0) {
			return p + 1;
		}
	}
	return end;
}

/* Does a string really end with the quote before p? In broken JSON it may go on. */
static bool ends_there(const char *p, const char *end)
{
	while (p < end && (blank(*p) || *p == '\\'))
		p++;
	return p >= end || memchr(",}]:;&)\"'", *p, 9);
}

/* p is behind an opening quote. */
static const char *quoted_end(const char *p, const char *end, char quote, bool escaped)
{
	const char *from = p;

	while (p < end && (*p != quote || !ends_there(p + 1, end)))
		p += !escaped && *p == '\\' && p + 1 < end ? 2 : 1;
	if (escaped)
		while (p > from && p < end && p[-1] == '\\')
			p--;
	return p;
}

/* The value behind ':' or '=': *from where its content starts, the result where it ends. An agent without
 * quotes may hold brackets and semicolons. */
static const char *value_end(const char *p, const char *end, enum pii_kind kind, const char **from)
{
	const char *stops = kind == PII_AGENT ? "&\n\r\"<>" : "}]&;\n\r\"<>";
	bool escaped = false;

	while (p < end && blank(*p))
		p++;
	while (p < end && *p == '\\') {
		escaped = true;
		p++;
	}
	*from = p;
	if (p >= end)
		return p;
	if (*p == '{' || *p == '[')
		return bracket_end(p, end);
	if (*p == '"' || *p == '\'') {
		*from = p + 1;
		return quoted_end(p + 1, end, *p, escaped);
	}
	if (end - p >= 3 && memcmp(p, "***", 3) == 0)
		return p + 3; /* our own mark */
	while (p < end && !strchr(stops, *p))
		p++;
	return p;
}

/* Looks ahead over a bounded stretch only: it may be asked for every key. */
static bool has_address(const char *p, const char *end)
{
	const char *from, *stop;

	if (end - p > ADDRESS_BYTES)
		end = p + ADDRESS_BYTES;
	stop = value_end(p, end, PII_EMAIL, &from);
	for (; from < stop; from++)
		if (*from == '@' || (stop - from > 2 && memcmp(from, "%40", 3) == 0) ||
		    (stop - from > 4 && memcmp(from, "%2540", 5) == 0))
			return true;
	return false;
}

static struct slice stand_in(struct scrub *s, enum pii_kind kind, struct slice v)
{
	if (kind == PII_AGENT)
		return pii_agent(s->p, v);
	if (kind == PII_NAME && *v.p != '{' && *v.p != '[')
		return pii_name(s->p, v);
	s->p->lossy = true;
	return SLICE("***");
}

void scrub_keys(struct scrub *s, struct slice part)
{
	const char *end = part.p + part.n, *done = part.p;

	for (const char *p = part.p; p < end; p++) {
		const char *from, *stop;
		enum pii_kind kind;

		if (*p != ':' && *p != '=')
			continue;
		kind = pii_kind_of(key_before(done, p), s->p->mask_name);
		if (kind == PII_NONE || kind == PII_IP || (kind == PII_EMAIL && has_address(p + 1, end)))
			continue; /* shapes are enough */
		stop = value_end(p + 1, end, kind, &from);
		if (stop <= from)
			continue;
		scrub_agents(s, (struct slice){ done, (size_t)(from - done) });
		scrub_replace(s, from, stand_in(s, kind, (struct slice){ from, (size_t)(stop - from) }));
		done = stop;
		p = stop - 1;
	}
	scrub_agents(s, (struct slice){ done, (size_t)(end - done) });
}
