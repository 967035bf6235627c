#include "server/ingest/pii.h"

#include <pthread.h>

enum { KEY_BYTES = 24, KIND_SLOTS = 256, EMAIL_LOCAL_BYTES = 1024 };

static const struct {
	const char *key;
	enum pii_kind kind;
} kinds[] = {
	{ "email", PII_EMAIL },          { "emailaddress", PII_EMAIL },   { "customeremail", PII_EMAIL },
	{ "ip", PII_IP },                { "ipaddress", PII_IP },         { "clientip", PII_IP },
	{ "remoteip", PII_IP },          { "remoteaddr", PII_IP },        { "xforwardedfor", PII_IP },
	{ "useragent", PII_AGENT },      { "ua", PII_AGENT },             { "httpuseragent", PII_AGENT },
	{ "customername", PII_NAME },    { "firstname", PII_NAME },       { "lastname", PII_NAME },
	{ "fullname", PII_NAME },        { "phone", PII_DROP },           { "phonenumber", PII_DROP },
	{ "mobile", PII_DROP },          { "mobilephone", PII_DROP },     { "mobilenumber", PII_DROP },
	{ "telephone", PII_DROP },       { "customerphone", PII_DROP },   { "street", PII_DROP },
	{ "streetaddress", PII_DROP },   { "address1", PII_DROP },        { "address2", PII_DROP },
	{ "addressline1", PII_DROP },    { "addressline2", PII_DROP },    { "address", PII_ADDRESS },
	{ "shippingaddress", PII_ADDRESS }, { "billingaddress", PII_ADDRESS },
};

static uint8_t kind_slot[KIND_SLOTS]; /* row + 1; open addressing, made once */
static pthread_once_t kind_once = PTHREAD_ONCE_INIT;

static unsigned kind_hash(unsigned h, char c)
{
	return h * 31 + (unsigned char)c;
}

static void kinds_fill(void)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		unsigned h = 0;

		for (const char *p = kinds[i].key; *p; p++)
			h = kind_hash(h, *p);
		for (h %= KIND_SLOTS; kind_slot[h]; h = (h + 1) % KIND_SLOTS)
			;
		kind_slot[h] = (uint8_t)(i + 1);
	}
}

enum pii_kind pii_kind_of(struct slice key, bool mask_name)
{
	char plain[KEY_BYTES + 1];
	size_t n = 0, customer = 0; /* customer: "customer.name", the way flattened objects are written */
	unsigned h = 0;

	pthread_once(&kind_once, kinds_fill);
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];

		if (c == '_' || c == '-' || c == ' ')
			continue;
		if (c == '.') {
			customer = n == 8 && memcmp(plain, "customer", 8) == 0;
			n = h = 0;
			continue;
		}
		c = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
		h = kind_hash(h, c);
		if (n < KEY_BYTES)
			plain[n] = c;
		n++;
	}
	if (n < 2 || n > KEY_BYTES)
		return PII_NONE;
	plain[n] = 0;
	for (h %= KIND_SLOTS; kind_slot[h]; h = (h + 1) % KIND_SLOTS)
		if (strcmp(kinds[kind_slot[h] - 1].key, plain) == 0)
			return kinds[kind_slot[h] - 1].kind;
	return (mask_name || customer) && strcmp(plain, "name") == 0 ? PII_NAME : PII_NONE;
}

static bool is_hash(struct slice s)
{
	if (s.n != PII_HASH_CHARS)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

struct slice pii_agent(struct pii *p, struct slice value)
{
	if (is_hash(value)) {
		p->hashed = true;
		return value;
	}
	return pii_hash(p, value);
}

struct slice pii_name(struct pii *p, struct slice value)
{
	size_t n = 1;
	char *out;

	if (!value.n)
		return value;
	while (n < value.n && n < 4 && ((unsigned char)value.p[n] & 0xc0) == 0x80)
		n++;
	p->lossy = true;
	out = arena_alloc(p->a, n + 3);
	if (!out) {
		p->failed = true;
		return (struct slice){ "", 0 };
	}
	memcpy(out, value.p, n);
	memcpy(out + n, "***", 3);
	return (struct slice){ out, n + 3 };
}

struct slice pii_ip(struct pii *p, struct slice value)
{
	struct slice none = { NULL, 0 }, kept;
	char text[IP_TEXT_BYTES];

	for (size_t i = 0; i < value.n; i++) {
		struct slice rest = { value.p + i, value.n - i };

		if (i && strchr(" ,[\"=", value.p[i - 1]) == NULL)
			continue; /* only where a list, brackets or Forwarded's for= may start one */
		if (!ip_at(rest, text))
			continue;
		kept.n = strlen(text);
		kept.p = arena_strndup(p->a, text, kept.n);
		p->failed |= !kept.p;
		return kept.p ? kept : none;
	}
	return none;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

struct slice email_hash(struct pii *p, struct slice local, struct slice domain)
{
	size_t cut = local.n > EMAIL_LOCAL_BYTES ? local.n - EMAIL_LOCAL_BYTES : 0, n = local.n - cut;
	char ip[IP_TEXT_BYTES], *whole = arena_alloc(p->a, n + 1 + domain.n + 1), *out;
	bool bracket = domain.n && domain.p[0] == '[';
	struct slice host = domain, hash;

	if (!whole) {
		p->failed = true;
		return (struct slice){ "", 0 };
	}
	for (size_t i = 0; i < n; i++)
		whole[i] = lower(local.p[cut + i]);
	whole[n] = '@';
	for (size_t i = 0; i < domain.n; i++)
		whole[n + 1 + i] = lower(domain.p[i]);
	p->hashed = true;
	hash = is_hash((struct slice){ whole, n }) ? (struct slice){ whole, n } :
						     pii_hash(p, (struct slice){ whole, n + 1 + domain.n });
	host = (struct slice){ whole + n + 1, domain.n };
	if (ip_at((struct slice){ host.p + bracket, host.n - bracket }, ip))
		host = slice_of(ip);
	else if (bracket)
		host.n = 0;
	out = arena_alloc(p->a, hash.n + 1 + host.n);
	if (!out) {
		p->failed = true;
		return (struct slice){ "", 0 };
	}
	memcpy(out, hash.p, hash.n);
	out[hash.n] = '@';
	memcpy(out + hash.n + 1, host.p, host.n);
	return (struct slice){ out, hash.n + 1 + host.n };
}

struct slice pii_email(struct pii *p, struct slice value)
{
	size_t from = 0;

	if (!value.n)
		return value;
	for (size_t i = 0; i < value.n; i++) {
		size_t local, domain, end;

		if (value.p[i] != '@' && value.p[i] != '%')
			continue;
		if (email_around(value, from, i, &local, &domain, &end))
			return email_hash(p, (struct slice){ value.p + local, i - local },
					  (struct slice){ value.p + domain, end - domain });
		if (value.p[i] == '@' || (i + 1 < value.n && (value.p[i + 1] == '4' || value.p[i + 1] == '2')))
			from = i + 1; /* an '@' or its escape: no look behind passes it again */
	}
	return pii_agent(p, value);
}

struct slice pii_scrub_id(struct pii *p, struct slice value)
{
	bool before = p->lossy, lossy;
	struct slice out;

	p->lossy = false;
	out = pii_scrub(p, value);
	lossy = p->lossy;
	p->lossy = before;
	return lossy ? pii_hash(p, value) : out;
}
