#include "server/http/http_error.h"

#include "server/http/binary_mode.h"
#include "server/http/media.h"

#include <criterion/criterion.h>

Test(http_error, grpc_codes_as_http)
{
	static const unsigned want[] = { 200, 499, 500, 400, 504, 404, 409, 403, 429,
					 400, 409, 400, 501, 500, 503, 500, 401 };

	for (int i = 0; i < 17; i++)
		cr_expect_eq(http_status_of(i), want[i], "code %d", i);
	cr_expect_eq(http_status_of(-1), 500);
	cr_expect_eq(http_status_of(17), 500);
}

Test(http_error, the_shape_of_google_rpc_status)
{
	static const char want[] =
		"{\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"message\":\"no "
		"\\\"x\\\"\",\"details\":["
		"{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":["
		"{\"field\":\"dateRange\",\"description\":\"is no range\"}]},"
		"{\"@type\":\"type.googleapis.com/"
		"google.rpc.ErrorInfo\",\"reason\":\"INVALID_ARGUMENT\",\"domain\":\"analytics\"},"
		"{\"@type\":\"type.googleapis.com/"
		"google.rpc.RetryInfo\",\"retryDelay\":\"1.500s\"}]}";
	struct status s;
	struct buf b;

	status_of(&s, ERR_INVALID, "no \"x\"");
	s.retry_ms = 1500;
	s.nviolations = 1;
	s.violations[0] = (struct violation){ "dateRange", "is no range" };
	buf_init(&b, 4096);
	http_error_print(&b, 400, &s);
	cr_assert(slice_is((struct slice){ b.p, b.n }, want), "got %.*s", (int)b.n, b.p);
	buf_reset(&b);
}

Test(media, types_without_parameters)
{
	cr_expect(media_is(SLICE("application/json"), "application/json"));
	cr_expect(media_is(SLICE(" Application/JSON ; charset=utf-8"), "application/json"));
	cr_expect_not(media_is(SLICE("application/jsonx"), "application/json"));
	cr_expect_not(media_is((struct slice){ 0 }, "application/json"));
	cr_expect(media_is_json(SLICE("text/json;a=b")));
	cr_expect(media_is_json(SLICE("application/vnd.shop+json")));
	cr_expect_not(media_is_json(SLICE("application/json+xml")));
	cr_expect_not(media_is_json(SLICE("+json")));
}

Test(binary_mode, header_values_are_percent_decoded)
{
	struct buf b;

	buf_init(&b, 256);
	binary_mode_decode(&b, SLICE("a%20b%C3%a9%%2x%4"));
	cr_expect(slice_is((struct slice){ b.p, b.n }, "a b\xc3\xa9%%2x%4"), "got %.*s", (int)b.n,
		  b.p);
	buf_reset(&b);
}
