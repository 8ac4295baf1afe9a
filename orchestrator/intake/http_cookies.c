/* The cookies of people who sign in. */
#include "orchestrator/intake/http_request.h"
#include "orchestrator/oidc/provider.h"

#include <sodium.h>

const char *cookie_read(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_COOKIE_KIND, name);
}

void cookie_set(struct http_request *request, const char *name, const char *value, const char *same_site,
                int64_t valid_s)
{
    struct buffer cookie = {0};
    buffer_format(&cookie, "%s=%s; Path=/; Secure; HttpOnly; SameSite=%s; Max-Age=%lld", name, value, same_site,
                  (long long)valid_s);
    http_answer_header(request, MHD_HTTP_HEADER_SET_COOKIE, buffer_text(&cookie));
    sodium_memzero(cookie.bytes, cookie.length);
    buffer_free(&cookie);
}

const char *cookie_read_session(const struct http_request *request)
{
    return provider_origin(request->http->config.provider) == NULL ? NULL : cookie_read(request, SESSION_COOKIE);
}
