#include "server/ingest/anonymize.h"

#include <strings.h>

enum { NUMBER_CHARS = 300, POSTAL_CHARS = 3, COUNTRY_BYTES = 60 };

/* jsonb takes no number of any size; what no counter or price can be is kept as its text. */
static void put_number(struct pii *p, struct text *t, struct slice s)
{
	const char *e = memchr(s.p, 'e', s.n);
	bool huge = s.n > NUMBER_CHARS;

	e = e ? e : memchr(s.p, 'E', s.n);
	if (e)
		huge |= s.p + s.n - e > 5; /* e+999 at most */
	p->altered |= huge;
	if (huge)
		text_json(t, s);
	else
		text_slice(t, s);
}

void anonymize_key(struct text *t, struct slice key)
{
	if (t->n && t->p[t->n - 1] != '{')
		text_putc(t, ',');
	text_json(t, key);
	text_putc(t, ':');
}

struct slice anonymize_text(struct pii *p, enum pii_kind kind, struct slice s)
{
	struct slice out;

	switch (kind) {
	case PII_EMAIL:
		return s.n ? pii_email(p, s) : s;
	case PII_IP:
		out = pii_ip(p, s);
		return out.p ? out : (struct slice){ "", 0 };
	case PII_AGENT:
		return s.n ? pii_agent(p, s) : s;
	case PII_NAME:
		return pii_name(p, s);
	default:
		return pii_scrub(p, s);
	}
}

static bool key_is_one_of(struct slice key, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (key.n == strlen(names[i]) && strncasecmp(key.p, names[i], key.n) == 0)
			return true;
	return false;
}

static void put_address(struct pii *p, struct text *t, const struct json *v)
{
	static const char *const country[] = { "country", "country_code", "countrycode" };
	static const char *const postal[] = { "postal_code", "postalcode", "postal_area", "postcode", "zip",
					      "zip_code", "zipcode" };

	text_putc(t, '{');
	for (const struct json *m = v->child; m; m = m->next) {
		struct slice s = m->text;
		size_t n = 0;

		if (m->type == JSON_STRING && s.n <= COUNTRY_BYTES && key_is_one_of(m->key, country, 3)) {
			anonymize_key(t, m->key);
			text_json(t, pii_scrub(p, s));
		} else if ((m->type == JSON_STRING || m->type == JSON_NUMBER) && key_is_one_of(m->key, postal, 7)) {
			while (n < s.n && n < POSTAL_CHARS && s.p[n] > ' ' && s.p[n] < 0x7f && s.p[n] != '-')
				n++;
			anonymize_key(t, m->key);
			text_json(t, (struct slice){ s.p, n });
		}
	}
	text_putc(t, '}');
}

static void put_kind(struct pii *p, struct text *t, enum pii_kind kind, const struct json *v)
{
	bool first = true;

	switch (v->type) {
	case JSON_NULL:
		text_puts(t, "null");
		break;
	case JSON_FALSE:
		text_puts(t, "false");
		break;
	case JSON_TRUE:
		text_puts(t, "true");
		break;
	case JSON_NUMBER:
		if (kind == PII_NONE)
			put_number(p, t, v->text);
		else
			text_puts(t, p->letter && kind != PII_ADDRESS ? "0" : "null");
		break;
	case JSON_STRING:
		if (kind == PII_ADDRESS)
			text_puts(t, "null");
		else
			text_json(t, anonymize_text(p, kind, v->text));
		break;
	case JSON_ARRAY:
		text_putc(t, '[');
		for (const struct json *m = v->child; m; m = m->next, first = false) {
			if (!first)
				text_putc(t, ',');
			put_kind(p, t, kind, m);
		}
		text_putc(t, ']');
		break;
	case JSON_OBJECT:
		if (kind == PII_ADDRESS) {
			put_address(p, t, v);
			break;
		}
		text_putc(t, '{');
		for (const struct json *m = v->child; m; m = m->next)
			anonymize_member(p, t, m);
		text_putc(t, '}');
		break;
	}
}

void anonymize_value(struct pii *p, struct text *t, const struct json *v)
{
	put_kind(p, t, PII_NONE, v);
}

/* In a letter, a value whose type is wrong for its key stays a wrong one. */
static void put_wrong_type(struct pii *p, struct text *t, enum pii_kind kind, const struct json *m)
{
	bool empty = (m->type == JSON_ARRAY || m->type == JSON_OBJECT) && !m->count;
	bool plain = m->type == JSON_STRING || (kind == PII_DROP && m->type == JSON_NUMBER);

	if (!p->letter || empty || plain || m->type == JSON_NULL || kind == PII_ADDRESS)
		return;
	anonymize_key(t, pii_scrub(p, m->key));
	text_puts(t, "false");
}

/* In a letter, identifiers stay as different as their columns will have them. */
static bool put_letter_id(struct pii *p, struct text *t, const struct json *m)
{
	bool id = (m->key.n > 3 && memcmp(m->key.p + m->key.n - 3, "_id", 3) == 0) || slice_is(m->key, "sku") ||
		  slice_is(m->key, "promotion_code");

	if (!p->letter || !id || m->type != JSON_STRING)
		return false;
	anonymize_key(t, pii_scrub(p, m->key));
	text_json(t, pii_scrub_id(p, m->text));
	return true;
}

void anonymize_member(struct pii *p, struct text *t, const struct json *m)
{
	enum pii_kind kind = pii_kind_of(m->key, p->mask_name);
	bool mask = p->mask_name;

	if (kind == PII_DROP || (kind == PII_NAME && m->type != JSON_STRING) ||
	    (kind == PII_ADDRESS && m->type != JSON_OBJECT && m->type != JSON_ARRAY)) {
		put_wrong_type(p, t, kind, m);
		return;
	}
	if (kind == PII_NONE && put_letter_id(p, t, m))
		return;
	anonymize_key(t, pii_scrub(p, m->key));
	if (m->key.n == 8 && strncasecmp(m->key.p, "customer", 8) == 0)
		p->mask_name = true;
	put_kind(p, t, kind, m);
	p->mask_name = mask;
}
