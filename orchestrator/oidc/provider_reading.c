/* What an identity provider publishes, and what its keys are used for. */
#include "base/clock.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/oidc/group_roles.h"
#include "orchestrator/oidc/provider_fetch.h"
#include "orchestrator/oidc/provider_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading: on a thread that may wait ---- */

enum tc_error provider_ask(struct provider *provider, const char *url, const char *form, struct buffer *answer,
                           struct tc_fault *fault)
{
    bool is_client = form != NULL && provider->client_secret != NULL;
    const struct provider_request request = {.url = url,
                                             .form = form,
                                             .user = is_client ? provider->client : NULL,
                                             .password = is_client ? provider->client_secret : NULL,
                                             .ca_file = provider->config.ca_file,
                                             .allows_loopback = provider->config.insecure_loopback,
                                             .stop = &provider->stop};
    return provider_fetch(&request, answer, fault);
}

static char *copy_member(const json_t *document, const char *name)
{
    const char *text = json_string_value(json_object_get(document, name));
    char *copy = text == NULL ? NULL : strdup(text);
    TC_CHECK((text == NULL) == (copy == NULL));
    return copy;
}

void provider_free_places(struct provider_places *places)
{
    free(places->keys);
    free(places->authorization);
    free(places->token);
}

/* Reads where the provider does what, as OpenID Connect Discovery 1.0 says. */
static enum tc_error discover(struct provider *provider, struct provider_places *places, struct tc_fault *fault)
{
    struct buffer url = {0}, answer = {0};
    const char *wanted = provider->config.issuer;
    buffer_format(&url, "%s%s.well-known/openid-configuration", wanted, wanted[strlen(wanted) - 1] == '/' ? "" : "/");
    enum tc_error error = provider_ask(provider, buffer_text(&url), NULL, &answer, fault);
    json_t *document =
        error == TC_OK ? json_loadb(buffer_text(&answer), answer.length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *issuer = json_string_value(json_object_get(document, "issuer"));
    places->keys = copy_member(document, "jwks_uri");
    places->authorization = copy_member(document, "authorization_endpoint");
    places->token = copy_member(document, "token_endpoint");
    if (error == TC_OK && (issuer == NULL || strcmp(issuer, wanted) != 0))
        error = tc_fault_set(fault, TC_INVALID, "issuer: found %.200s, and oidc.issuer is %.200s",
                             issuer == NULL ? "nothing" : issuer, wanted);
    else if (error == TC_OK && places->keys == NULL)
        error = tc_fault_set(fault, TC_INVALID, "jwks_uri: must be there");
    json_decref(document);
    buffer_free(&url);
    buffer_free(&answer);
    return error == TC_OK ? TC_OK : tc_fault_context(fault, "openid-configuration");
}

static enum tc_error read_keys(struct provider *provider, const char *url, struct provider_keys **keys,
                               struct tc_fault *fault)
{
    struct buffer answer = {0};
    enum tc_error error = provider_ask(provider, url, NULL, &answer, fault);
    if (error == TC_OK)
        error = provider_keys_read(buffer_text(&answer), answer.length, keys, fault);
    buffer_free(&answer);
    return error == TC_OK ? TC_OK : tc_fault_context(fault, "jwks_uri");
}

enum tc_error provider_refresh(struct provider *provider, struct tc_fault *fault)
{
    struct provider_places places = {0};
    struct provider_keys *keys = NULL;
    int64_t began_ms = clock_monotonic_ms();
    enum tc_error error = discover(provider, &places, fault);
    if (error == TC_OK)
        error = read_keys(provider, places.keys, &keys, fault);
    if (error == TC_OK) {
        (void)pthread_rwlock_wrlock(&provider->lock);
        struct provider_places old_places = provider->places;
        struct provider_keys *old = provider->keys;
        provider->keys = keys;
        provider->places = places;
        provider->read_ms = began_ms;
        (void)pthread_rwlock_unlock(&provider->lock);
        keys = old;
        places = old_places;
    }
    provider_keys_free(keys);
    provider_free_places(&places);
    if (error != TC_OK)
        metric_add(METRIC_OIDC_FAULTS, 1);
    return error;
}

/* ---- checking: on any thread ---- */

enum tc_error provider_use_keys(struct provider *provider, struct tc_fault *fault)
{
    (void)pthread_rwlock_rdlock(&provider->lock);
    if (provider->keys != NULL && clock_monotonic_ms() - provider->read_ms <= provider->config.keys_max_age_ms)
        return TC_OK;
    (void)pthread_rwlock_unlock(&provider->lock);
    return tc_fault_set(fault, TC_UNAVAILABLE,
                        "it cannot be checked now who you are: the identity provider does not answer");
}

bool provider_may_look_again(struct provider *provider)
{
    int64_t now_ms = clock_monotonic_ms(), asked_ms = atomic_load(&provider->asked_ms);
    return now_ms - asked_ms >= PROVIDER_AGAIN_MS &&
           atomic_compare_exchange_strong(&provider->asked_ms, &asked_ms, now_ms);
}

enum tc_error provider_identify(const struct provider *provider, const json_t *claims,
                                struct provider_identity *identity, struct tc_fault *fault)
{
    const char *subject = json_string_value(json_object_get(claims, "sub"));
    int length = snprintf(identity->alias, sizeof identity->alias, "%s#%s", provider->config.issuer, subject);
    if (length < 0 || (size_t)length >= sizeof identity->alias || !alias_value_is_valid(ALIAS_OIDC, identity->alias))
        return tc_fault_set(fault, TC_DENIED, "sub: issuer and sub must be %s", alias_value_words(ALIAS_OIDC));
    identity->roles = group_roles_of(provider->groups, json_object_get(claims, provider->config.groups_claim));
    return TC_OK;
}
