/* Where the subject of a request may act, and whether its handler kept to it. */
#include "orchestrator/intake/http_request.h"

const struct access_scope *http_request_scope(struct http_request *request)
{
    request->keeps_scope = true;
    return &request->scope;
}

const char *http_request_patterns(struct http_request *request)
{
    return access_scope_patterns(http_request_scope(request));
}

bool http_scope_is_kept(const struct http_request *request, int status)
{
    return status >= 400 || request->keeps_scope || access_scope_patterns(&request->scope) == NULL;
}
