#include "server/http/json_walk.h"

#include "storage/base/json.h"

/* The next character that is no white space; 0 at the end. */
static char peek(struct json_walk *w)
{
	while (w->at < w->text.n && strchr(" \t\r\n", w->text.p[w->at]) && w->text.p[w->at])
		w->at++;
	return w->at < w->text.n ? w->text.p[w->at] : 0;
}

bool json_walk_begin(struct json_walk *w, struct slice text, char open)
{
	*w = (struct json_walk){ .text = text, .close = open == '{' ? '}' : ']', .first = true };
	if (peek(w) != open)
		return false;
	w->at++;
	return true;
}

static bool punctuation(struct json_walk *w, char c)
{
	if (peek(w) != c)
		return false;
	w->at++;
	return true;
}

static bool value_at(struct json_walk *w, struct slice *value)
{
	char c = peek(w);

	if (!c || strchr(",:]}", c))
		return false;
	*value = json_skip(w->text, &w->at);
	return value->p != NULL;
}

bool json_walk_next(struct json_walk *w, struct slice *key, struct slice *value)
{
	bool object = w->close == '}';

	if (w->broken || peek(w) == w->close)
		return false;
	w->broken = (!w->first && !punctuation(w, ',')) || (object && peek(w) != '"') ||
		    (object && !value_at(w, key)) || (object && !punctuation(w, ':')) ||
		    !value_at(w, value);
	w->first = false;
	return !w->broken;
}

struct slice json_walk_find(struct slice object, struct slice quoted_key)
{
	struct slice key, value;
	struct json_walk w;

	if (json_walk_begin(&w, object, '{'))
		while (json_walk_next(&w, &key, &value))
			if (slice_eq(key, quoted_key))
				return value;
	return (struct slice){ 0 };
}

bool json_walk_whole(struct slice array)
{
	struct json_walk w;
	struct slice value;

	if (!json_walk_begin(&w, array, '['))
		return false;
	while (json_walk_next(&w, NULL, &value))
		;
	if (w.broken || !punctuation(&w, ']'))
		return false;
	return !peek(&w) && w.at == array.n;
}
