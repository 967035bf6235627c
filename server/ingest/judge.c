#include "server/ingest/digest.h"
#include "server/ingest/entity.h"
#include "server/ingest/envelope.h"
#include "server/ingest/reject.h"
#include "server/ingest/row.h"
#include "server/ingest/timestamp.h"

enum { PROPERTIES_BYTES = 32 * 1024 };
#define SECOND_US 1000000ll
#define FUTURE_US (300 * SECOND_US)
#define DAY_US (86400 * SECOND_US)

struct judging {
	const struct event_in *in;
	const struct event_rules *rules;
	struct event_fields f;
	struct pii pii;
	struct slice identity;
	const char *time_field; /* where the event's own time stands; NULL: it has none */
	int64_t time_us;
};

static bool bad(const struct event_in *in, const char *field)
{
	return in->bad_field && strcmp(in->bad_field, field) == 0;
}

static bool reject_bad(const struct event_in *in, struct rejection *rej)
{
	return reject(rej, REJECT_INVALID_FIELD, in->bad_field,
		      in->bad_why ? in->bad_why : "the attribute has the wrong type");
}

static bool envelope_complete(const struct event_in *in, struct rejection *rej)
{
	const char *gap = NULL;

	if (!in->id.n && json_missing(json_get(in->data, "event_id")) && !bad(in, "id"))
		gap = "id";
	else if (!in->source.n && !bad(in, "source"))
		gap = "source";
	else if (!in->type.n && !bad(in, "type"))
		gap = "type";
	else if (json_missing(in->data) && !bad(in, "data"))
		gap = "data";
	if (!gap)
		return true;
	return reject(rej, REJECT_MISSING_ENVELOPE_FIELD, gap, "this attribute is required");
}

/* Type and version; after it f knows its topic and its fields. */
static bool resolve(struct judging *j, struct rejection *rej)
{
	static const struct json none = { .type = JSON_NULL };

	j->f.topic = event_topic_find(event_topic_name(j->in));
	if (!j->f.topic && !bad(j->in, "type"))
		return reject(rej, REJECT_UNKNOWN_EVENT_TYPE, "type", "no event of this type is known");
	if (!j->f.topic)
		return reject_bad(j->in, rej);
	if (bad(j->in, "data")) /* what its fields are to be, nobody can say */
		return reject_bad(j->in, rej);
	j->f.data = j->in->data ? j->in->data : &none;
	j->pii.mask_name = j->f.topic->customer;
	return fields_gather(j->pii.a, &j->f, j->rules->schemas, rej) && fields_none_missing(&j->f, rej) &&
	       narrowing_none_missing(j->f.narrowing, &j->f, rej);
}

static bool envelope_valid(const struct event_in *in, struct rejection *rej)
{
	if (in->bad_field)
		return reject_bad(in, rej);
	if (in->spec_version.n && !slice_is(in->spec_version, "1.0"))
		return reject(rej, REJECT_INVALID_FIELD, "specversion", "only CloudEvents 1.0 is spoken here");
	if (in->id.n > ID_BYTES)
		return reject(rej, REJECT_INVALID_FIELD, "id", "longer than 200 bytes");
	if (in->source.n > SOURCE_BYTES)
		return reject(rej, REJECT_INVALID_FIELD, "source", "longer than 1000 bytes");
	return true;
}

static bool is_integer(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < '0' || s.p[i] > '9') && !(i == 0 && s.p[i] == '-'))
			return false;
	return true;
}

static bool read_identity(struct judging *j, struct rejection *rej)
{
	const struct json *id = json_get(j->in->data, "event_id");

	if (!json_missing(id)) {
		if (id->type != JSON_STRING && !(id->type == JSON_NUMBER && is_integer(id->text)))
			return reject(rej, REJECT_INVALID_FIELD, "data.event_id", "the value has the wrong type");
		if (id->text.n > ID_BYTES)
			return reject(rej, REJECT_INVALID_FIELD, "data.event_id", "longer than 200 bytes");
	}
	j->identity = event_identity(j->in);
	return true;
}

static bool read_time(struct judging *j, struct rejection *rej)
{
	const struct json *t = json_get(j->in->data, "timestamp");
	struct slice s = j->in->time;

	j->time_us = j->rules->replay ? j->rules->replay->arrived_us : j->rules->now_us;
	if (!json_missing(t)) {
		j->time_field = "data.timestamp";
		if (t->type != JSON_STRING)
			return reject(rej, REJECT_INVALID_FIELD, j->time_field, "the value has the wrong type");
		s = t->text;
	} else if (s.n) {
		j->time_field = "time";
	}
	if (j->time_field && !timestamp_parse(s, &j->time_us))
		return reject(rej, REJECT_INVALID_FIELD, j->time_field, "not an RFC 3339 time");
	return true;
}

static bool context_valid(const struct event_fields *f, struct rejection *rej)
{
	const struct json *context = f->v2 ? json_get(f->data, "context") : NULL;

	if (json_missing(context) || context->type == JSON_OBJECT)
		return true;
	return reject(rej, REJECT_INVALID_FIELD, "data.context", "the value has the wrong type");
}

static bool fill_row(struct judging *j, struct event_row *row, struct rejection *rej)
{
	struct slice trace = event_trace(j->in->traceparent);

	*row = (struct event_row){
		.created_at_us = j->time_us,
		.received_at_us = j->rules->now_us,
		.event_id = pii_scrub_id(&j->pii, j->identity),
		.event_source = pii_scrub(&j->pii, j->in->source),
		.trace_id = trace,
	};
	row_columns(&j->pii, &j->f, row);
	entity_fill(j->in, &j->f, row);
	row->properties = row_properties(&j->pii, &j->f);
	if (j->rules->replay)
		row->pii_key_id = j->in->anonymized_key;
	else if (j->pii.hashed)
		row->pii_key_id = j->rules->key->id;
	if (j->pii.failed || !event_key_make(j->pii.a, j->in->source, j->identity, &row->key))
		return reject_memory(rej);
	if (row->properties.n > PROPERTIES_BYTES)
		return reject(rej, REJECT_INVALID_FIELD, "data", "the properties are larger than 32 KiB");
	if (j->rules->replay)
		row->key = j->rules->replay->key;
	return true;
}

static bool time_in_range(const struct judging *j, struct rejection *rej)
{
	int64_t now = j->rules->now_us;

	if (!j->time_field)
		return true;
	if (j->time_us > now + FUTURE_US)
		return reject(rej, REJECT_TIMESTAMP_IN_FUTURE, j->time_field, "more than 5 minutes ahead of the clock");
	if (j->time_us < now - j->rules->retention_days * DAY_US)
		return reject(rej, REJECT_TIMESTAMP_TOO_OLD, j->time_field, "before the retention horizon");
	return true;
}

bool event_judge(struct arena *a, const struct event_in *in, const struct event_rules *rules,
		 struct event_row *row, struct rejection *rej)
{
	struct judging j = { .in = in, .rules = rules, .pii = { .a = a, .key = rules->key } };

	if (!envelope_complete(in, rej) || !resolve(&j, rej) || !envelope_valid(in, rej) ||
	    !read_identity(&j, rej) || !read_time(&j, rej) ||
	    !fields_valid(a, &j.f, &j.pii, rules->reporting_currency, rej) || !context_valid(&j.f, rej) ||
	    !narrowing_valid(j.f.narrowing, &j.f, rej))
		return false;
	if (!fill_row(&j, row, rej) || !time_in_range(&j, rej))
		return false;
	if (!digest_make(a, &j.f, row->event_type, j.time_field != NULL, j.time_us, rules->reporting_currency,
			 row->digest))
		return reject_memory(rej);
	if (rules->replay && slice_is(in->anonymized, "altered"))
		row->digest[0] = DIGEST_ALTERED;
	return true;
}
