#include "server/admin/pii_clean.h"

#include "server/ingest/anonymize.h"
#include "server/ingest/event_table.h"

enum { ROW_BYTES = 64 << 20, CHANGES_BYTES = 64 << 20 };

void pii_clean_init(struct pii_clean *c, struct pii_key key)
{
	*c = (struct pii_clean){ .key = key };
	arena_init(&c->arena, ROW_BYTES);
	buf_init(&c->changes, CHANGES_BYTES);
	buf_putc(&c->changes, '[');
}

void pii_clean_reset(struct pii_clean *c)
{
	arena_reset(&c->arena);
	buf_reset(&c->changes);
}

/* The value as it is, in the anonymizer's form of writing. */
static void put_plain(struct text *t, const struct json *v)
{
	static const char *const words[] = { [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true" };
	bool array = v->type == JSON_ARRAY;

	if (v->type == JSON_STRING) {
		text_json(t, v->text);
	} else if (v->type == JSON_NUMBER) {
		text_slice(t, v->text);
	} else if (v->type < JSON_NUMBER) {
		text_puts(t, words[v->type]);
	} else {
		text_putc(t, array ? '[' : '{');
		for (const struct json *m = v->child; m; m = m->next) {
			if (!array)
				anonymize_key(t, m->key);
			else if (m != v->child)
				text_putc(t, ',');
			put_plain(t, m);
		}
		text_putc(t, array ? ']' : '}');
	}
}

/* Anonymized JSON; p NULL: it is that already. */
static struct slice clean_json(struct pii *p, const struct json *v)
{
	struct text before, after;

	text_init(&before, p->a, 512);
	text_init(&after, p->a, 512);
	put_plain(&before, v);
	anonymize_value(p, &after, v);
	p->failed |= before.failed || after.failed;
	return slice_eq(text_done(&before), text_done(&after)) ? (struct slice){ 0 } : text_done(&after);
}

static bool ends_in(struct slice s, const char *tail)
{
	size_t n = strlen(tail);

	return s.n >= n && memcmp(s.p + s.n - n, tail, n) == 0;
}

/* Anonymized text; p NULL: it is that already. */
static struct slice clean_text(struct pii *p, struct slice column, struct slice value)
{
	enum pii_kind kind = pii_kind_of(column, false);
	struct slice out;

	if (kind == PII_NONE && (ends_in(column, "_id") || slice_is(column, "sku") || slice_is(column, "code")))
		out = pii_scrub_id(p, value);
	else
		out = anonymize_text(p, kind, value);
	return slice_eq(out, value) ? (struct slice){ 0 } : out;
}

/* A letter's payload: a whole event as JSON, or what was kept of broken bytes. */
static struct slice clean_payload(struct pii *p, const struct json *row, struct slice value)
{
	const struct json *topic = json_get(row, "topic"), *v;
	const struct topic *t = topic && topic->type == JSON_STRING ? event_topic_find(topic->text) : NULL;
	const char *why;
	struct slice out;

	p->letter = true;
	p->mask_name = !t || t->customer;
	v = value.n && *value.p == '{' ? json_parse(p->a, value, &why) : NULL;
	if (v)
		return clean_json(p, v);
	out = pii_scrub(p, value);
	return slice_eq(out, value) ? (struct slice){ 0 } : out;
}

static bool of_customer(const struct json *row)
{
	const struct json *type = json_get(row, "event_type");

	return type && type->type == JSON_STRING && type->text.n >= 8 && memcmp(type->text.p, "customer", 8) == 0;
}

/* Writes the column's new value behind t; false: it stays as it is. */
static bool clean_column(struct pii *p, struct text *t, const struct json *row, const struct json *m)
{
	struct pii own = *p;
	struct slice out;
	bool text = m->type == JSON_STRING;

	own.mask_name = of_customer(row);
	if (!text)
		out = clean_json(&own, m);
	else if (slice_is(m->key, "payload"))
		out = clean_payload(&own, row, m->text);
	else
		out = clean_text(&own, m->key, m->text);
	p->failed |= own.failed;
	if (!out.p)
		return false;
	p->hashed |= own.hashed;
	anonymize_key(t, m->key);
	if (!text)
		text_slice(t, out);
	else if (out.n)
		text_json(t, out);
	else
		text_puts(t, "null"); /* nothing of it may stay */
	return true;
}

static void count(struct pii_clean *c, struct slice column)
{
	unsigned i = 0;

	while (i < c->ncolumns && !slice_is(column, c->columns[i].name))
		i++;
	if (i == c->ncolumns) {
		if (i == PII_CLEAN_COLUMNS || column.n >= sizeof(c->columns[i].name)) {
			c->failed = true;
			return;
		}
		memcpy(c->columns[i].name, column.p, column.n);
		c->columns[i].name[column.n] = 0;
		c->ncolumns++;
	}
	c->columns[i].rows++;
}

static void put_change(struct pii_clean *c, struct slice row_id, struct slice version, struct slice columns)
{
	buf_puts(&c->changes, c->changes.n > 1 ? ",{\"r\":" : "{\"r\":");
	buf_json_string(&c->changes, row_id);
	buf_puts(&c->changes, ",\"v\":");
	buf_json_string(&c->changes, version);
	buf_puts(&c->changes, ",\"d\":");
	buf_put(&c->changes, columns.p, columns.n);
	buf_putc(&c->changes, '}');
}

void pii_clean_row(struct pii_clean *c, struct slice row_id, struct slice version, struct slice doc)
{
	struct pii p = { .a = &c->arena, .key = &c->key };
	const struct json *row, *key_id;
	const char *why;
	struct text t;

	row = json_parse(&c->arena, doc, &why);
	text_init(&t, &c->arena, 256);
	text_putc(&t, '{');
	for (const struct json *m = row ? row->child : NULL; m; m = m->next)
		if (m->type != JSON_NULL && clean_column(&p, &t, row, m))
			count(c, m->key);
	key_id = json_get(row, "pii_key_id");
	if (t.n > 1 && p.hashed && key_id && key_id->type == JSON_NULL) {
		anonymize_key(&t, SLICE("pii_key_id"));
		text_json(&t, c->key.id);
	}
	text_putc(&t, '}');
	if (t.n > 2)
		put_change(c, row_id, version, text_done(&t));
	c->failed |= !row || p.failed || t.failed || c->changes.failed;
	arena_rewind(&c->arena);
}

void pii_clean_finish(struct pii_clean *c, struct buf *findings)
{
	buf_put(&c->changes, "]", 2);
	buf_putc(findings, '{');
	for (unsigned i = 0; i < c->ncolumns; i++)
		buf_printf(findings, "%s\"%s\":%u", i ? "," : "", c->columns[i].name, c->columns[i].rows);
	buf_put(findings, "}", 2);
	c->failed |= c->changes.failed || findings->failed;
}
