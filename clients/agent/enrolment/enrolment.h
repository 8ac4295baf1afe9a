/* Gets the device's certificate from a server of EST (RFC 7030) and renews it, on a thread of its own, so that the
 * agent goes on with its work. */
#ifndef TELLERCAST_CLIENTS_AGENT_ENROLMENT_ENROLMENT_H
#define TELLERCAST_CLIENTS_AGENT_ENROLMENT_ENROLMENT_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct enrolment_config {
    /* The texts must stay. */
    const char *device;
    const char *url;                         /* https://host:port */
    const char *ca_file;                     /* whom to trust as the server; "": the system's authorities */
    const char *code_file;                   /* "": none. Removed when the code was used */
    const char *certificate_file, *key_file; /* written here */
    int64_t retry_first_ms, retry_longest_ms;
};

struct enrolment;

/* Completes a replacement of the files that a crash interrupted, and starts the thread. Call it before the files are
 * read, and curl_global_init before it. */
enum tc_error enrolment_open(const struct enrolment_config *config, struct enrolment **enrolment,
                             struct tc_fault *fault);
/* Ends within about a second. NULL is allowed. */
void enrolment_close(struct enrolment *enrolment);

/* Readable when the files were replaced, until enrolment_has_replaced is called. */
int enrolment_descriptor(const struct enrolment *enrolment);
/* True when the files were replaced since the last call. */
bool enrolment_has_replaced(struct enrolment *enrolment);

/* Says what time it is by signed answers; `is_proven` false: the machine's clock counts. Any thread. */
void enrolment_set_time(struct enrolment *enrolment, bool is_proven, int64_t now_ms);

#endif
