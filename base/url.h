/* Checks URLs before they are used. Any thread. */
#ifndef TELLERCAST_BASE_URL_H
#define TELLERCAST_BASE_URL_H

#include "base/fault.h"

#include <stdbool.h>

#define URL_PROXY_ALLOWED "[http|https|socks5|socks5h]://[USER:PASSWORD@]HOST:PORT"

enum { URL_PROXY_PART_SIZE = 512 };

/* The URL of a proxy, taken apart. */
struct url_proxy {
    char address[URL_PROXY_PART_SIZE]; /* "scheme://host:port", which is no secret */
    char login[URL_PROXY_PART_SIZE];   /* "user:password", percent-encoded; "": none */
};

/* True when an address, or a text about one, may contain a user and a password: it has an "@". A parser takes
 * "ann" for the host of "http://ann:a/b@host"; the author meant a password. */
bool url_may_have_user(const char *text);

/* Returns the fault of a "[scheme://]host[:port][/path]", or NULL. Quotes nothing: a part may be a password. */
const char *url_find_fault(const char *url);

/* TC_INVALID when it is not URL_PROXY_ALLOWED. The fault says which part is wrong and quotes none: it may be the
 * password. A URL without a port is read, too. */
enum tc_error url_read_proxy(const char *url, struct url_proxy *proxy, struct tc_fault *fault);

#endif
