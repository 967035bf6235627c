#include "server/http/subscribe_http.h"

#include "server/dapr/dapr.h"
#include "server/http/http_error.h"

enum { ANSWER_BYTES = 64 << 10 };

void subscribe_get(struct http_request *r)
{
	struct buf out;

	buf_init(&out, ANSWER_BYTES);
	dapr_subscriptions_json(&out);
	if (out.failed)
		http_error(r, 503, ERR_QUOTA, "out of memory");
	else
		http_answer(r, 200, "application/json", (struct slice){ out.p, out.n }, 0);
	buf_reset(&out);
}
