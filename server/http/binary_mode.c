#include "server/http/binary_mode.h"

#include "storage/base/base64.h"
#include "server/http/media.h"
#include "storage/base/json.h"

enum { HEADER_BYTES = 64 * 1024 };

bool binary_mode(const struct http_request *r)
{
	return http_header(r, "ce-specversion").p || http_header(r, "ce-id").p ||
	       http_header(r, "ce-type").p;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void binary_mode_decode(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool coded = s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 &&
			     hex(s.p[i + 2]) >= 0;

		buf_putc(out, coded ? (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2])) : s.p[i]);
		i += coded ? 2 : 0;
	}
}

static void put_attribute(void *ctx, struct slice name, struct slice value)
{
	struct buf *out = ctx, text;
	char lower[64];

	if (name.n <= 3 || name.n - 3 >= sizeof(lower) || strncasecmp(name.p, "ce-", 3) != 0)
		return;
	for (size_t i = 3; i < name.n; i++)
		lower[i - 3] =
			(char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 0x20 : name.p[i]);
	buf_init(&text, HEADER_BYTES);
	binary_mode_decode(&text, value);
	buf_putc(out, out->n > 1 ? ',' : '{');
	buf_json_string(out, (struct slice){ lower, name.n - 3 });
	buf_putc(out, ':');
	buf_json_string(out, (struct slice){ text.p, text.n });
	buf_reset(&text);
}

void binary_mode_envelope(struct http_request *r, struct buf *out)
{
	struct slice type = http_header(r, "Content-Type"), body = http_body(r);
	bool json = !type.p || media_is_json(type);

	if (body.n && json && !json_one_value(body)) {
		buf_put(out, body.p, body.n);
		return;
	}
	http_each_header(r, put_attribute, out);
	buf_puts(out, out->n ? "," : "{");
	buf_puts(out, "\"datacontenttype\":");
	buf_json_string(out, type.p ? type : SLICE("application/json"));
	if (body.n && json) {
		buf_puts(out, ",\"data\":");
		buf_put(out, body.p, body.n);
	} else if (body.n) {
		buf_puts(out, ",\"data_base64\":\"");
		base64_print(out, body);
		buf_putc(out, '"');
	}
	buf_putc(out, '}');
}
