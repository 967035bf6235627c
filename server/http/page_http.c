#include "server/http/page_http.h"

#include "page.gen.h"

enum { PAGE_BYTES = 1 << 20 };
static const char place[] = "@CURRENCY@"; /* in index.html, for the reporting currency */

static bool is_currency_code(const char *s)
{
	return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3 && !s[3];
}

void page_index_get(struct http_request *r)
{
	const char *page = (const char *)page_index_html,
		   *currency = http_services(r)->conf->reporting_currency;
	const char *at = memmem(page, sizeof(page_index_html), place, sizeof(place) - 1);
	size_t before = at ? (size_t)(at - page) : sizeof(page_index_html);
	struct buf b;

	buf_init(&b, PAGE_BYTES);
	buf_put(&b, page, before);
	if (at) {
		buf_puts(&b, is_currency_code(currency) ? currency : "");
		before += sizeof(place) - 1;
		buf_put(&b, page + before, sizeof(page_index_html) - before);
	}
	http_answer(r, 200, "text/html; charset=utf-8", (struct slice){ b.p, b.n }, 0);
	buf_reset(&b);
}

void page_style_get(struct http_request *r)
{
	http_answer(r, 200, "text/css; charset=utf-8",
		    (struct slice){ (const char *)page_dashboard_css, sizeof(page_dashboard_css) },
		    0);
}

void page_script_get(struct http_request *r)
{
	http_answer(r, 200, "text/javascript; charset=utf-8",
		    (struct slice){ (const char *)page_dashboard_js, sizeof(page_dashboard_js) },
		    0);
}
