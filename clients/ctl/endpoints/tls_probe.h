/* Shows a client certificate to the TLS listener of a broker, to learn what the broker makes of it. One thread. */
#ifndef TELLERCAST_CTL_TLS_PROBE_H
#define TELLERCAST_CTL_TLS_PROBE_H

#include "base/fault.h"

#include <openssl/types.h>

struct tls_probe {
    const char *host; /* must be in the broker's certificate */
    const char *port;
    const char *ca_file; /* trust file for the broker's certificate */
    X509 *certificate;   /* what is shown; the two are not changed */
    EVP_PKEY *key;
    const char *client_id;
    int timeout_s; /* for the connection and for each answer */
};

enum tls_probe_outcome {
    TLS_PROBE_ACCEPTED, /* the broker answered as MQTT: the certificate is good for it */
    TLS_PROBE_REVOKED,  /* the broker said that the certificate is revoked */
    TLS_PROBE_REFUSED,  /* it refused for another reason, which is in the fault's text */
    TLS_PROBE_CLOSED,   /* it ended the connection, and its reason was lost; try again */
};

/* TC_OK with an outcome; TC_UNAVAILABLE when the broker cannot be reached, TC_DENIED when its own certificate is not
 * trusted, TC_INVALID for a trust file that cannot be read. */
enum tc_error tls_probe(const struct tls_probe *probe, enum tls_probe_outcome *outcome, struct tc_fault *fault);

#endif
