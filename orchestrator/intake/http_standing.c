#include "orchestrator/intake/http_standing.h"

#include "orchestrator/oidc/provider.h"
#include "orchestrator/people/people.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static char *copy_of(const char *text)
{
    char *copied = text == NULL ? NULL : strdup(text);
    TC_CHECK(text == NULL || copied != NULL);
    return copied;
}

void http_credential_keep(const struct http_request *request, struct http_credential *credential)
{
    const char *authorization = http_request_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    credential->token = copy_of(authorization == NULL ? NULL : http_read_token(authorization));
    credential->session = copy_of(authorization == NULL ? cookie_read_session(request) : NULL);
}

void http_credential_free(struct http_credential *credential)
{
    char *const secrets[] = {credential->token, credential->session};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (secrets[i] != NULL)
            sodium_memzero(secrets[i], strlen(secrets[i]));
        free(secrets[i]);
    }
    *credential = (struct http_credential){0};
}

enum tc_error http_credential_find(const struct http *http, const struct http_credential *credential,
                                   const char *address, struct subject *subject, struct tc_fault *fault)
{
    struct provider_identity identity;
    struct people *people = http->config.people;
    if (credential->session != NULL)
        return people_find_session(people, credential->session, subject, fault);
    if (credential->token == NULL) {
        subject_set_loopback(subject);
        return TC_OK;
    }
    enum tc_error error = people_find_token(people, credential->token, address, subject, fault);
    if (error != TC_DENIED || http->config.provider == NULL || !provider_is_bearer(credential->token))
        return error;
    error = provider_check_bearer(http->config.provider, credential->token, &identity, fault);
    if (error == TC_OK)
        error = people_find_alias(people, ALIAS_OIDC, identity.alias, subject, fault);
    if (error == TC_OK)
        subject->roles |= identity.roles;
    return error;
}
