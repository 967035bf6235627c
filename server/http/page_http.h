/* server/http/page_http.h -- the dashboard: three files that live in the program.
 * Memory: none but the answer. Threads: the reactor. Blocking: never. */
#ifndef SERVER_HTTP_PAGE_HTTP_H
#define SERVER_HTTP_PAGE_HTTP_H

#include "server/http/http.h"

void page_index_get(struct http_request *r);
void page_style_get(struct http_request *r);
void page_script_get(struct http_request *r);

#endif
