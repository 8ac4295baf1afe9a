/* The callbacks of libmicrohttpd for a request: headers, body, handler, answer. Private to the HTTP endpoint. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_CONNECTION_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_CONNECTION_H

#include "orchestrator/intake/http_request.h"

/* `context` is the struct http. */
void *http_connection_begin(void *context, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_connection_advance(void *context, struct MHD_Connection *connection, const char *url,
                                        const char *method, const char *version, const char *bytes, size_t *length,
                                        void **slot);
void http_connection_end(void *context, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code);

/* Releases the peer of a connection that has ended. */
void http_connection_note(void *context, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code);

/* The work of a job thread: `items` are struct http_request *. */
void http_connection_run(void *context, void *thread_state, void *items, size_t count);

#endif
