#include "server/ingest/wire.h"

static uint64_t varint(struct wire *w)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned char b;

		if (w->p >= w->end)
			break;
		b = (unsigned char)*w->p++;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	w->bad = true;
	return 0;
}

bool wire_next(struct wire *w, struct wire_field *f)
{
	uint64_t tag, n;

	if (w->bad || w->p >= w->end)
		return false;
	tag = varint(w);
	f->number = (uint32_t)(tag >> 3);
	f->type = tag & 7;
	f->bytes = (struct slice){ NULL, 0 };
	if (!f->number || tag >> 32)
		w->bad = true;
	switch (w->bad ? 8 : (int)f->type) {
	case WIRE_VARINT:
		f->value = varint(w);
		return !w->bad;
	case WIRE_64:
		n = 8;
		break;
	case WIRE_32:
		n = 4;
		break;
	case WIRE_BYTES:
		n = varint(w);
		break;
	default: /* groups are not of proto3 */
		w->bad = true;
		return false;
	}
	if (w->bad || n > (uint64_t)(w->end - w->p)) {
		w->bad = true;
		return false;
	}
	f->bytes = (struct slice){ w->p, (size_t)n };
	w->p += n;
	return true;
}

struct wire wire_of(struct slice s)
{
	return (struct wire){ .p = s.p, .end = s.p ? s.p + s.n : s.p };
}
