#include "server/ingest/text.h"
#include "server/ingest/typed.h"
#include "test/fuzz/judge_twice.h"

static void put_varint(struct text *t, uint64_t v)
{
	for (; v > 127; v >>= 7)
		text_putc(t, (char)(v | 128));
	text_putc(t, (char)v);
}

static void put_field(struct text *t, unsigned number, struct slice s)
{
	put_varint(t, number << 3 | 2);
	put_varint(t, s.n);
	text_slice(t, s);
}

static struct slice event_with(struct arena *a, const struct typed_row *row, struct slice message)
{
	struct text any, event;

	text_init(&any, a, message.n + 100);
	put_field(&any, 1, slice_of(row->message->name));
	put_field(&any, 2, message);
	text_init(&event, a, message.n + 200);
	put_field(&event, 1, SLICE("i"));
	put_field(&event, 2, SLICE("s"));
	put_field(&event, 4, row->topic);
	put_field(&event, 8, text_done(&any));
	assert(!any.failed && !event.failed);
	return text_done(&event);
}

static void print(struct text *t, const struct json *v)
{
	const char *brackets = v->type == JSON_OBJECT ? "{}" : "[]";

	if (v->type == JSON_STRING) {
		text_json(t, v->text);
		return;
	}
	if (v->type == JSON_NUMBER) {
		text_slice(t, v->text);
		return;
	}
	text_putc(t, brackets[0]);
	for (const struct json *m = v->child; m; m = m->next) {
		if (m != v->child)
			text_putc(t, ',');
		if (v->type == JSON_OBJECT) {
			text_json(t, m->key);
			text_putc(t, ':');
		}
		print(t, m);
	}
	text_putc(t, brackets[1]);
}

static void expect_same(const struct json *a, const struct json *b)
{
	const struct json *m = a->child, *n = b->child;

	assert(a->type == b->type && a->count == b->count && slice_eq(a->text, b->text) && slice_eq(a->key, b->key));
	for (; m && n; m = m->next, n = n->next)
		expect_same(m, n);
	assert(!m && !n);
}

/* The first byte names the message, the others are it. What is read is what the JSON reader would have read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct typed_row *rows;
	struct rejection rej;
	struct event_in in;
	struct slice event;
	const char *why;
	struct arena a;
	struct text t;
	size_t n;

	if (!size)
		return 0;
	rows = typed_rows(&n);
	arena_init(&a, 64 << 20);
	event = event_with(&a, &rows[data[0] % n], (struct slice){ (const char *)data + 1, size - 1 });
	judge_twice(event_decode_proto, event);
	if (event_decode_proto(&a, event, SLICE("fuzz"), &in, &rej)) {
		text_init(&t, &a, size);
		print(&t, in.data);
		assert(!t.failed);
		expect_same(in.data, json_parse(&a, text_done(&t), &why));
	}
	arena_reset(&a);
	return 0;
}
