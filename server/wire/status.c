#include "server/wire/status.h"

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

static struct slice pack(struct arena *a, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *p = arena_alloc(a, n ? n : 1);

	if (!p)
		return (struct slice){ 0 };
	protobuf_c_message_pack(m, p);
	return (struct slice){ (char *)p, n };
}

static void any_of(struct arena *a, Google__Protobuf__Any *any, char *type_url, const ProtobufCMessage *m)
{
	struct slice s = pack(a, m);

	google__protobuf__any__init(any);
	any->type_url = type_url;
	any->value.data = (uint8_t *)s.p;
	any->value.len = s.n;
}

struct slice status_details(struct arena *a, const struct status *s)
{
	Google__Rpc__Status out = GOOGLE__RPC__STATUS__INIT;
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
	Google__Rpc__RetryInfo retry = GOOGLE__RPC__RETRY_INFO__INIT;
	Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
	Google__Rpc__BadRequest__FieldViolation violations[CALL_MAX_VIOLATIONS];
	Google__Rpc__BadRequest__FieldViolation *violation_list[CALL_MAX_VIOLATIONS];
	Google__Protobuf__Any any[3], *list[3] = { &any[0], &any[1], &any[2] };
	size_t n = 0;

	info.reason = (char *)s->reason;
	info.domain = (char *)STATUS_DOMAIN;
	any_of(a, &any[n++], "type.googleapis.com/google.rpc.ErrorInfo", &info.base);
	if (s->nviolations) {
		for (unsigned i = 0; i < s->nviolations; i++) {
			google__rpc__bad_request__field_violation__init(&violations[i]);
			violations[i].field = (char *)s->violations[i].field;
			violations[i].description = (char *)s->violations[i].description;
			violation_list[i] = &violations[i];
		}
		bad.n_field_violations = s->nviolations;
		bad.field_violations = violation_list;
		any_of(a, &any[n++], "type.googleapis.com/google.rpc.BadRequest", &bad.base);
	}
	if (s->retry_ms) {
		delay.seconds = s->retry_ms / 1000;
		delay.nanos = (int32_t)(s->retry_ms % 1000) * 1000000;
		retry.retry_delay = &delay;
		any_of(a, &any[n++], "type.googleapis.com/google.rpc.RetryInfo", &retry.base);
	}
	out.code = s->grpc;
	out.message = (char *)s->message;
	out.n_details = n;
	out.details = list;
	return pack(a, &out.base);
}
