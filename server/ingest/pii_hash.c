#include "server/ingest/pii.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

/* One SHA-256 state with the key in it, and the last hashes: agents and addresses come again and again. */
enum { SLOTS = 256, SECRET_BYTES = 4096 };

static _Thread_local struct hasher {
	EVP_MAC_CTX *mac;
	size_t secret_n;
	unsigned char secret[SECRET_BYTES];
	uint64_t seed;
	struct {
		XXH128_hash_t of;
		char hex[PII_HASH_CHARS];
	} slot[SLOTS];
} *hasher;

/* A helper thread takes its own with it when it ends. */
static pthread_key_t of_thread;
static pthread_once_t of_thread_once = PTHREAD_ONCE_INIT;

static void hasher_destroy(void *p)
{
	struct hasher *h = p;

	EVP_MAC_CTX_free(h->mac);
	explicit_bzero(h->secret, sizeof(h->secret));
	free(h);
}

static void make_thread_key(void)
{
	int failed = pthread_key_create(&of_thread, hasher_destroy);

	assert(!failed);
}

static bool hasher_init(struct hasher *h)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	h->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	h->secret_n = SIZE_MAX;
	return h->mac && getrandom(&h->seed, sizeof(h->seed), 0) == (ssize_t)sizeof(h->seed);
}

/* Makes the thread's state fit the key; asserts what can only fail when the process is out of memory at its
 * first event, for without it no event may pass. */
static struct hasher *hasher_of(struct slice secret)
{
	struct hasher *h = hasher;

	if (!h) {
		bool ok;

		h = calloc(1, sizeof(*h));
		assert(h);
		ok = hasher_init(h);
		pthread_once(&of_thread_once, make_thread_key);
		ok = ok && pthread_setspecific(of_thread, h) == 0;
		assert(ok);
		hasher = h;
	}
	if (h->secret_n != secret.n || memcmp(h->secret, secret.p, secret.n) != 0) {
		OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
					OSSL_PARAM_construct_end() };
		int ok;

		assert(secret.n > 0 && secret.n <= SECRET_BYTES);
		memcpy(h->secret, secret.p, secret.n);
		h->secret_n = secret.n;
		memset(h->slot, 0, sizeof(h->slot));
		ok = EVP_MAC_init(h->mac, h->secret, h->secret_n, params);
		assert(ok);
	}
	return h;
}

static void compute(struct hasher *h, struct slice value, char hex[PII_HASH_CHARS])
{
	static const char digit[] = "0123456789abcdef";
	unsigned char out[32];
	size_t n = 0;
	int ok = EVP_MAC_init(h->mac, NULL, 0, NULL) &&
		 EVP_MAC_update(h->mac, (const unsigned char *)value.p, value.n) &&
		 EVP_MAC_final(h->mac, out, &n, sizeof(out));

	assert(ok && n == sizeof(out));
	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digit[out[i] >> 4];
		hex[2 * i + 1] = digit[out[i] & 15];
	}
}

struct slice pii_hash(struct pii *p, struct slice value)
{
	struct hasher *h = hasher_of(p->key->secret);
	XXH128_hash_t of = XXH3_128bits_withSeed(value.p, value.n, h->seed);
	size_t at = of.low64 % SLOTS;
	char *hex = arena_alloc(p->a, PII_HASH_CHARS);

	p->hashed = true;
	if (!hex) {
		p->failed = true;
		return (struct slice){ "", 0 };
	}
	if (!XXH128_isEqual(h->slot[at].of, of) || !h->slot[at].hex[0]) {
		compute(h, value, h->slot[at].hex);
		h->slot[at].of = of;
	}
	memcpy(hex, h->slot[at].hex, PII_HASH_CHARS);
	return (struct slice){ hex, PII_HASH_CHARS };
}
