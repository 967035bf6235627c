#include "server/wire/inflate.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { GZIP_WINDOW_BITS = 15 + 16, ZLIB_WINDOW_BITS = 15 };

/* Room for n bytes in *p; doubles up to max. False at the ceiling or out of memory. */
static bool widen(unsigned char **p, size_t *cap, size_t max)
{
	size_t to = *cap * 2 < max ? *cap * 2 : max;
	unsigned char *q = to > *cap ? realloc(*p, to) : NULL;

	if (!q)
		return false;
	*p = q;
	*cap = to;
	return true;
}

static enum err_code inflate_all(z_stream *z, size_t max, grpc_slice *out, struct err *e)
{
	size_t cap = (size_t)z->avail_in * 4 + 64 < max ? (size_t)z->avail_in * 4 + 64 : max + 1;
	unsigned char *p = malloc(cap);
	enum err_code rc = ERR_OK;
	int zrc = Z_OK;

	if (!p)
		return err_set(e, ERR_QUOTA, "no memory to decompress");
	do {
		if (z->total_out == cap && !widen(&p, &cap, max + 1)) {
			rc = err_set(e, ERR_QUOTA, "message is larger than %zu bytes when decompressed", max);
			break;
		}
		z->next_out = p + z->total_out;
		z->avail_out = (uInt)(cap - z->total_out);
		zrc = inflate(z, Z_NO_FLUSH);
	} while (zrc == Z_OK && (z->avail_in || !z->avail_out));
	if (!rc && zrc != Z_STREAM_END)
		rc = err_set(e, ERR_INVALID, "message cannot be decompressed");
	else if (!rc && z->total_out > max)
		rc = err_set(e, ERR_QUOTA, "message is larger than %zu bytes when decompressed", max);
	if (rc)
		free(p);
	else
		*out = grpc_slice_new(p, z->total_out, free);
	return rc;
}

static enum err_code gunzip(grpc_byte_buffer *b, int window, size_t max, grpc_slice *out, struct err *e)
{
	z_stream z = { 0 };
	grpc_byte_buffer *raw;
	grpc_byte_buffer_reader r;
	grpc_slice in;
	enum err_code rc;

	/* A reader over a buffer marked as compressed would decompress it without bound. */
	raw = grpc_raw_byte_buffer_create(b->data.raw.slice_buffer.slices, b->data.raw.slice_buffer.count);
	if (!grpc_byte_buffer_reader_init(&r, raw)) {
		grpc_byte_buffer_destroy(raw);
		return err_set(e, ERR_INTERNAL, "message cannot be read");
	}
	in = grpc_byte_buffer_reader_readall(&r);
	grpc_byte_buffer_reader_destroy(&r);
	grpc_byte_buffer_destroy(raw);
	z.next_in = GRPC_SLICE_START_PTR(in);
	z.avail_in = (uInt)GRPC_SLICE_LENGTH(in);
	if (inflateInit2(&z, window) != Z_OK) {
		rc = err_set(e, ERR_QUOTA, "no memory to decompress");
	} else {
		rc = inflate_all(&z, max, out, e);
		inflateEnd(&z);
	}
	grpc_slice_unref(in);
	return rc;
}

enum err_code inflate_message(grpc_byte_buffer *b, size_t max_bytes, grpc_slice *out, struct err *e)
{
	grpc_byte_buffer_reader r;

	switch (b->data.raw.compression) {
	case GRPC_COMPRESS_GZIP:
		return gunzip(b, GZIP_WINDOW_BITS, max_bytes, out, e);
	case GRPC_COMPRESS_DEFLATE:
		return gunzip(b, ZLIB_WINDOW_BITS, max_bytes, out, e);
	default:
		break;
	}
	if (grpc_byte_buffer_length(b) > max_bytes)
		return err_set(e, ERR_QUOTA, "message is larger than %zu bytes", max_bytes);
	if (b->data.raw.slice_buffer.count == 1) { /* no copy: the decoder reads the core's own bytes */
		*out = grpc_slice_ref(b->data.raw.slice_buffer.slices[0]);
		return ERR_OK;
	}
	if (!grpc_byte_buffer_reader_init(&r, b))
		return err_set(e, ERR_INTERNAL, "message cannot be read");
	*out = grpc_byte_buffer_reader_readall(&r);
	grpc_byte_buffer_reader_destroy(&r);
	return ERR_OK;
}
