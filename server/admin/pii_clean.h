/* server/admin/pii_clean.h -- what stored rows would be if they came in today: the anonymizer of ingestion over
 * columns, and which of them it changes.
 * Memory: its own, bounded by what is put in. Threads: one at a time, any. Blocking: no, but long: 10 ms a MiB.
 * Errors: `failed` is set when there was no memory. */
#ifndef SERVER_ADMIN_PII_CLEAN_H
#define SERVER_ADMIN_PII_CLEAN_H

#include "server/ingest/pii.h"
#include "storage/base/buf.h"

enum { PII_CLEAN_COLUMNS = 48 };

struct pii_clean {
	struct arena arena;            /* one row's */
	struct pii_key key;
	struct buf changes;            /* JSON: [{"r": place, "v": version, "d": {column: value}}] */
	unsigned ncolumns;
	struct {
		char name[64];
		uint32_t rows;
	} columns[PII_CLEAN_COLUMNS];  /* with findings */
	bool failed;
};

void pii_clean_init(struct pii_clean *c, struct pii_key key); /* key is the caller's, until the reset */
void pii_clean_reset(struct pii_clean *c);
/* doc: {column: value}, as pii_scan_rows makes it. */
void pii_clean_row(struct pii_clean *c, struct slice row_id, struct slice version, struct slice doc);
/* The columns with findings as {"name": rows}, and the end of changes; both NUL-terminated. */
void pii_clean_finish(struct pii_clean *c, struct buf *findings);

#endif
