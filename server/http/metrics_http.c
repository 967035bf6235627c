#include "server/http/metrics_http.h"

#include "server/http/http_error.h"
#include "storage/base/metrics.h"

enum { PAGE_BYTES = 8 << 20 };

void metrics_http_get(struct http_request *r)
{
	struct buf b;

	buf_init(&b, PAGE_BYTES);
	metrics_print(&b);
	if (b.failed)
		http_error(r, 500, ERR_QUOTA, "the page is too large");
	else
		http_answer(r, 200, "text/plain; version=0.0.4; charset=utf-8",
			    (struct slice){ b.p, b.n }, 0);
	buf_reset(&b);
}
