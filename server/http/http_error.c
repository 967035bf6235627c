#include "server/http/http_error.h"

#include "server/wire/status.h"

enum { ERROR_BYTES = 64 * 1024 };

static const struct {
	const char *name;
	unsigned http;
} codes[] = {
	{ "OK", 200 },
	{ "CANCELLED", 499 },
	{ "UNKNOWN", 500 },
	{ "INVALID_ARGUMENT", 400 },
	{ "DEADLINE_EXCEEDED", 504 },
	{ "NOT_FOUND", 404 },
	{ "ALREADY_EXISTS", 409 },
	{ "PERMISSION_DENIED", 403 },
	{ "RESOURCE_EXHAUSTED", 429 },
	{ "FAILED_PRECONDITION", 400 },
	{ "ABORTED", 409 },
	{ "OUT_OF_RANGE", 400 },
	{ "UNIMPLEMENTED", 501 },
	{ "INTERNAL", 500 },
	{ "UNAVAILABLE", 503 },
	{ "DATA_LOSS", 500 },
	{ "UNAUTHENTICATED", 401 },
};

static bool known(int grpc)
{
	return grpc >= 0 && (size_t)grpc < sizeof(codes) / sizeof(*codes);
}

unsigned http_status_of(int grpc)
{
	return known(grpc) ? codes[grpc].http : 500;
}

static void print_violations(struct buf *b, const struct status *s)
{
	buf_puts(b,
		 "{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":[");
	for (unsigned i = 0; i < s->nviolations; i++) {
		buf_puts(b, i ? ",{\"field\":" : "{\"field\":");
		buf_json_string(b, slice_of(s->violations[i].field));
		buf_puts(b, ",\"description\":");
		buf_json_string(b, slice_of(s->violations[i].description));
		buf_putc(b, '}');
	}
	buf_puts(b, "]},");
}

void http_error_print(struct buf *b, unsigned http, const struct status *s)
{
	buf_printf(b, "{\"code\":%u,\"status\":\"%s\",\"message\":", http,
		   known(s->grpc) ? codes[s->grpc].name : "UNKNOWN");
	buf_json_string(b, slice_of(s->message));
	buf_puts(b, ",\"details\":[");
	if (s->nviolations)
		print_violations(b, s);
	buf_printf(b,
		   "{\"@type\":\"type.googleapis.com/"
		   "google.rpc.ErrorInfo\",\"reason\":\"%s\",\"domain\":\"%s\"}",
		   s->reason ? s->reason : "UNKNOWN", STATUS_DOMAIN);
	if (s->retry_ms)
		buf_printf(b,
			   ",{\"@type\":\"type.googleapis.com/"
			   "google.rpc.RetryInfo\",\"retryDelay\":\"%u.%03us\"}",
			   s->retry_ms / 1000, s->retry_ms % 1000);
	buf_puts(b, "]}");
}

static void answer(struct http_request *r, unsigned http, const struct status *s)
{
	struct buf b;

	buf_init(&b, ERROR_BYTES);
	buf_puts(&b, "{\"error\":");
	http_error_print(&b, http, s);
	buf_putc(&b, '}');
	http_answer(r, http, "application/json",
		    b.failed ? SLICE("{}") : (struct slice){ b.p, b.n },
		    (s->retry_ms + 999) / 1000);
	buf_reset(&b);
}

void http_fail(struct http_request *r, const struct status *s)
{
	answer(r, http_status_of(s->grpc), s);
}

void http_error(struct http_request *r, unsigned http, enum err_code code, const char *message)
{
	struct status s;

	status_of(&s, code, message);
	answer(r, http, &s);
}
