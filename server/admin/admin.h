/* server/admin/admin.h -- AdminService: handlers for operators. */
#ifndef SERVER_ADMIN_ADMIN_H
#define SERVER_ADMIN_ADMIN_H

#include "server/wire/call.h"

void admin_list_dead_letters(struct call *c, const ProtobufCMessage *req);

#endif
