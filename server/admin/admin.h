/* server/admin/admin.h -- AdminService: handlers for operators. */
#ifndef SERVER_ADMIN_ADMIN_H
#define SERVER_ADMIN_ADMIN_H

#include "server/wire/call.h"

void admin_list_dead_letters(struct call *c, const ProtobufCMessage *req);
void admin_retry_dead_letters(struct call *c, const ProtobufCMessage *req);
void admin_discard_dead_letters(struct call *c, const ProtobufCMessage *req);
void admin_list_schemas(struct call *c, const ProtobufCMessage *req);
void admin_register_schema(struct call *c, const ProtobufCMessage *req);
void admin_get_storage_cost(struct call *c, const ProtobufCMessage *req);
void admin_get_service_state(struct call *c, const ProtobufCMessage *req);
void admin_list_jobs(struct call *c, const ProtobufCMessage *req);
void admin_run_job(struct call *c, const ProtobufCMessage *req);
void admin_list_anomalies(struct call *c, const ProtobufCMessage *req);
void admin_list_reconciliation_reports(struct call *c, const ProtobufCMessage *req);
void admin_erase_customer(struct call *c, const ProtobufCMessage *req);
void admin_run_pii_audit(struct call *c, const ProtobufCMessage *req);
extern const struct stream_ops admin_replay_events; /* server/wire/stream.h */

#endif
