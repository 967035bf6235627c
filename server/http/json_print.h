/* server/http/json_print.h -- a protobuf-c message as proto3 JSON, by its descriptor.
 * Names are lowerCamelCase, 64-bit integers strings, enums names, bytes base64, doubles the
 * shortest text that reads back the same. Singular fields that are absent are left out (a double
 * that is no finite number, too); repeated fields are always there. Well-known types and maps have
 * no special form here: no answer holds one. Memory: the caller's buffer; what does not fit sets
 * its `failed`. Threads: any. Blocking: never. */
#ifndef SERVER_HTTP_JSON_PRINT_H
#define SERVER_HTTP_JSON_PRINT_H

#include "storage/base/buf.h"

#include <protobuf-c/protobuf-c.h>

enum { JSON_NAME_BYTES = 128 };

void json_print(struct buf *b, const ProtobufCMessage *m);
/* revenue_trend -> revenueTrend; out has JSON_NAME_BYTES. */
void json_name(const char *field, char *out);

#endif
