#include "server/ingest/pii.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { ZONE_CHARS = 32 };

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool hex(char c)
{
	return digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool word(char c)
{
	return digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

/* Length of the dotted quad at s.p. Anything of that shape counts: a version of four numbers as well. */
static size_t ip4_at(struct slice s, uint8_t out[4])
{
	size_t i = 0;

	for (unsigned part = 0; part < 4; part++) {
		unsigned v = 0;
		size_t from;

		if (part && (i >= s.n || s.p[i++] != '.'))
			return 0;
		for (from = i; i < s.n && i - from < 4 && digit(s.p[i]); i++)
			v = v * 10 + (unsigned)(s.p[i] - '0');
		if (i == from || i - from > 3 || v > 255)
			return 0;
		out[part] = (uint8_t)v;
	}
	return i;
}

struct groups {
	uint16_t g[8];
	int n, gap;      /* gap: how many stand before the "::", -1 without one */
	size_t end;      /* of what has been understood */
};

/* The group at `at`: hex digits, or the dotted quad that ends an address. False: there is none. */
static bool group(struct groups *x, struct slice s, size_t at, bool *last)
{
	uint8_t quad[4];
	unsigned v = 0;
	size_t i = at, n;

	for (; i < s.n && i - at < 5 && hex(s.p[i]); i++)
		v = v << 4 | (unsigned)(digit(s.p[i]) ? s.p[i] - '0' : (s.p[i] | 0x20) - 'a' + 10);
	if (i == at || i - at > 4 || (i < s.n && word(s.p[i])))
		return false;
	if (i < s.n && s.p[i] == '.' && x->n <= 6) {
		n = ip4_at((struct slice){ s.p + at, s.n - at }, quad);
		if (n) {
			x->g[x->n++] = (uint16_t)(quad[0] << 8 | quad[1]);
			x->g[x->n++] = (uint16_t)(quad[2] << 8 | quad[3]);
			x->end = at + n;
			*last = true;
			return true;
		}
	}
	x->g[x->n++] = (uint16_t)v;
	x->end = i;
	return true;
}

/* Length of the IPv6 address at s.p, the longest that is one. At most 8 groups are looked at. */
static size_t ip6_at(struct slice s, uint8_t out[16])
{
	struct groups x = { .gap = -1 };
	bool last = false;
	size_t at = 0;

	while (!last && x.n < 8) {
		if (at + 1 < s.n && s.p[at] == ':' && s.p[at + 1] == ':') {
			if (x.gap >= 0)
				break;
			x.gap = x.n;
			x.end = at += 2;
		} else if (at && x.gap != x.n) {
			if (at >= s.n || s.p[at] != ':')
				break;
			at++;
		}
		if (!group(&x, s, at, &last))
			break;
		at = x.end;
	}
	if (x.n == 0 || (x.gap < 0 ? x.n != 8 : x.n > 7))
		return 0;
	if (x.gap == x.n && x.end < s.n && (word(s.p[x.end]) || s.p[x.end] == ':'))
		return 0; /* std::begin */
	memset(out, 0, 16);
	for (int i = 0; i < x.n; i++) {
		int to = x.gap >= 0 && i >= x.gap ? 8 - x.n + i : i;

		out[2 * to] = (uint8_t)(x.g[i] >> 8);
		out[2 * to + 1] = (uint8_t)x.g[i];
	}
	return x.end;
}

/* An interface after '%' tells as much as an address. */
static size_t zone_at(struct slice s, size_t at)
{
	size_t i = at + 1;

	if (at >= s.n || s.p[at] != '%')
		return 0;
	while (i < s.n && i - at <= ZONE_CHARS && (word(s.p[i]) || s.p[i] == '.' || s.p[i] == '-'))
		i++;
	return i - at;
}

/* Written out: inet_ntop goes through printf, which was a twelfth of the service's CPU. */
static void mask4(const uint8_t quad[4], char out[IP_TEXT_BYTES])
{
	for (unsigned i = 0; i < 3; i++) {
		if (quad[i] >= 100)
			*out++ = (char)('0' + quad[i] / 100);
		if (quad[i] >= 10)
			*out++ = (char)('0' + quad[i] / 10 % 10);
		*out++ = (char)('0' + quad[i] % 10);
		*out++ = '.';
	}
	memcpy(out, "0", sizeof("0"));
}

static void mask6(uint8_t a[16], char out[IP_TEXT_BYTES])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }, compatible[12] = { 0 };

	if (memcmp(a, mapped, 12) == 0 || (memcmp(a, compatible, 12) == 0 && a[12])) {
		mask4(a + 12, out);
		return;
	}
	if (a[0] == 0x20 && a[1] == 0x02)
		a[5] = 0; /* 6to4: the next four bytes are an IPv4 address */
	memset(a + 6, 0, 10);
	inet_ntop(AF_INET6, a, out, IP_TEXT_BYTES);
}

size_t ip_at(struct slice s, char out[IP_TEXT_BYTES])
{
	uint8_t a[16];
	size_t n = ip6_at(s, a);

	if (n) {
		if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
			n += zone_at(s, n);
		mask6(a, out);
		return n;
	}
	n = ip4_at(s, a);
	if (n)
		mask4(a, out);
	return n;
}
