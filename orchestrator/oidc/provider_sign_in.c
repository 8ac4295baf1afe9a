/* Sign-in at an identity provider: OpenID Connect Core 1.0, section 3.1, with PKCE. */
#include "base/clock.h"
#include "base/file.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/oidc/jwt.h"
#include "orchestrator/oidc/provider_fetch.h"
#include "orchestrator/oidc/provider_state.h"
#include "orchestrator/oidc/sign_in.h"
#include "orchestrator/outbound/https_request.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_SIZE_MAX = 4096, THREADS = 2, MS_PER_SECOND = 1000 };

static char *encoded(const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, 0), *copy = escaped == NULL ? NULL : strdup(escaped);
    TC_CHECK(copy != NULL);
    curl_free(escaped);
    return copy;
}

static void put_parameter(const char *name, const char *value, char before, struct buffer *out)
{
    char *escaped = encoded(value);
    if (before != '\0')
        buffer_put(out, &before, 1);
    buffer_format(out, "%s=%s", name, escaped);
    free(escaped);
}

/* ---- where the browser goes ---- */

const char *provider_origin(const struct provider *provider)
{
    return provider == NULL ? NULL : provider->origin;
}

bool provider_is_issuer(const struct provider *provider, const char *issuer)
{
    return strcmp(provider->config.issuer, issuer) == 0;
}

int64_t provider_session_s(const struct provider *provider)
{
    return provider->config.session_ms / MS_PER_SECOND;
}

enum tc_error provider_put_sign_in_url(struct provider *provider, const char *secret, struct buffer *url,
                                       struct tc_fault *fault)
{
    struct sign_in sign_in;
    enum tc_error error = provider_use_keys(provider, fault);
    if (error != TC_OK)
        return error;
    const char *place = provider->places.authorization;
    if (place != NULL)
        buffer_put_text(url, place);
    (void)pthread_rwlock_unlock(&provider->lock);
    if (url->length == 0 || https_check_url(buffer_text(url), provider->config.insecure_loopback, fault) != TC_OK)
        return tc_fault_set(fault, TC_UNAVAILABLE, "the identity provider publishes no place to sign in at");
    TC_CHECK(sign_in_derive(secret, &sign_in));
    put_parameter("response_type", "code", strchr(buffer_text(url), '?') == NULL ? '?' : '&', url);
    put_parameter("client_id", provider->config.client_id, '&', url);
    put_parameter("redirect_uri", provider->config.redirect_url, '&', url);
    put_parameter("scope", "openid", '&', url);
    put_parameter("state", sign_in.state, '&', url);
    put_parameter("nonce", sign_in.nonce, '&', url);
    put_parameter("code_challenge", sign_in.challenge, '&', url);
    put_parameter("code_challenge_method", "S256", '&', url);
    sodium_memzero(&sign_in, sizeof sign_in);
    return TC_OK;
}

/* ---- what the browser brings back: on a thread of the provider ---- */

static enum tc_error find_token_place(struct provider *provider, struct buffer *url, struct tc_fault *fault)
{
    enum tc_error error = provider_use_keys(provider, fault);
    if (error != TC_OK)
        return error;
    if (provider->places.token != NULL)
        buffer_put_text(url, provider->places.token);
    (void)pthread_rwlock_unlock(&provider->lock);
    return url->length > 0 ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, "token_endpoint: must be there");
}

/* Gets the ID token for a code. The caller frees it. */
static enum tc_error redeem(struct provider *provider, const char *code, const char *verifier, char **token,
                            struct tc_fault *fault)
{
    struct buffer url = {0}, form = {0}, answer = {0};
    enum tc_error error = find_token_place(provider, &url, fault);
    put_parameter("grant_type", "authorization_code", '\0', &form);
    put_parameter("code", code, '&', &form);
    put_parameter("redirect_uri", provider->config.redirect_url, '&', &form);
    put_parameter("code_verifier", verifier, '&', &form);
    if (provider->client_secret == NULL)
        put_parameter("client_id", provider->config.client_id, '&', &form);
    if (error == TC_OK)
        error = provider_ask(provider, buffer_text(&url), buffer_text(&form), &answer, fault);
    if (error != TC_OK && error != TC_DENIED) /* which anybody can cause by a wrong code */
        metric_add(METRIC_OIDC_FAULTS, 1);
    json_t *document =
        error == TC_OK ? json_loadb(buffer_text(&answer), answer.length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *text = json_string_value(json_object_get(document, "id_token"));
    if (error == TC_OK && text == NULL)
        error = tc_fault_set(fault, TC_DENIED, "the provider gave no ID token");
    else if (error == TC_OK)
        TC_CHECK((*token = strdup(text)) != NULL);
    json_decref(document);
    sodium_memzero(form.bytes, form.length);
    buffer_free(&url);
    buffer_free(&form);
    buffer_free(&answer);
    return error;
}

static enum tc_error check_once(struct provider *provider, const char *token, const char *nonce, json_t **claims,
                                struct tc_fault *fault)
{
    const struct jwt_expected expected = {.issuer = provider->config.issuer,
                                          .audience = provider->config.client_id,
                                          .nonce = nonce,
                                          .now_s = clock_now_ms() / MS_PER_SECOND};
    enum tc_error error = provider_use_keys(provider, fault);
    if (error != TC_OK)
        return error;
    error = jwt_check(token, provider->keys, &expected, claims, fault);
    (void)pthread_rwlock_unlock(&provider->lock);
    return error;
}

static enum tc_error check_token(struct provider *provider, const char *token, const char *nonce,
                                 struct provider_identity *identity, struct tc_fault *fault)
{
    json_t *claims = NULL;
    enum tc_error error = check_once(provider, token, nonce, &claims, fault);
    if (error == TC_NOT_FOUND && provider_may_look_again(provider)) {
        error = provider_refresh(provider, fault);
        if (error == TC_OK)
            error = check_once(provider, token, nonce, &claims, fault);
    }
    if (error == TC_NOT_FOUND)
        error = tc_fault_set(fault, TC_DENIED, "kid: the provider has no such key");
    if (error == TC_OK)
        error = provider_identify(provider, claims, identity, fault);
    json_decref(claims);
    return error;
}

static void end(struct provider *provider, const struct provider_sign_in *request)
{
    struct sign_in sign_in = {.state = ""};
    struct provider_identity identity = {.alias = ""};
    struct tc_fault fault = {0};
    char *token = NULL;
    enum tc_error error = TC_OK;
    if (!sign_in_derive(request->secret, &sign_in) || !sign_in_is_state(&sign_in, request->state))
        error = tc_fault_set(&fault, TC_DENIED, "state: it is not that of this browser's sign-in");
    if (error == TC_OK)
        error = redeem(provider, request->code, sign_in.verifier, &token, &fault);
    if (error == TC_OK)
        error = check_token(provider, token, sign_in.nonce, &identity, &fault);
    sodium_memzero(&sign_in, sizeof sign_in);
    free(token);
    request->take(request->context, error, &identity, &fault);
}

static void on_sign_ins(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state;
    const struct provider_sign_in *requests = items;
    for (size_t i = 0; i < count; i++)
        end(context, &requests[i]);
}

enum tc_error provider_end_sign_in(struct provider *provider, const struct provider_sign_in *sign_in,
                                   struct tc_fault *fault)
{
    if (batch_queue_put(provider->sign_ins, sign_in, 0) == TC_OK)
        return TC_OK;
    return tc_fault_set(fault, TC_BUSY, "too many people are signing in");
}

/* ---- opening ---- */

static enum tc_error read_secret(const struct provider_config *config, char **secret, struct tc_fault *fault)
{
    struct buffer line = {0};
    *secret = NULL;
    if (config->secret_file[0] == '\0')
        return TC_OK;
    enum tc_error error = file_read_secret(config->secret_file, SECRET_SIZE_MAX, &line, fault);
    if (error == TC_OK)
        *secret = encoded(buffer_text(&line));
    sodium_memzero(line.bytes, line.length);
    buffer_free(&line);
    return error == TC_OK ? TC_OK : tc_fault_context(fault, "oidc.client_secret_file");
}

enum tc_error provider_check_files(const struct provider_config *config, struct tc_fault *fault)
{
    char *secret;
    enum tc_error error = read_secret(config, &secret, fault);
    free(secret);
    return error;
}

/* https://orchestrator.example:8443, of a URL that was checked. */
static char *origin_of(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    char *origin = strndup(url, (size_t)(host - url) + strcspn(host, "/?"));
    TC_CHECK(origin != NULL);
    return origin;
}

enum tc_error provider_sign_in_open(struct provider *provider, struct tc_fault *fault)
{
    enum tc_error error = read_secret(&provider->config, &provider->client_secret, fault);
    if (error != TC_OK)
        return error;
    TC_CHECK(sodium_init() >= 0);
    provider->client = encoded(provider->config.client_id);
    provider->origin = origin_of(provider->config.redirect_url);
    provider->sign_ins = batch_queue_open(sizeof(struct provider_sign_in), PROVIDER_SIGN_INS_MAX);
    return worker_start(&(struct worker_config){.name = "sign-in",
                                                .queue = provider->sign_ins,
                                                .threads = THREADS,
                                                .item_size = sizeof(struct provider_sign_in),
                                                .batch_limit = 1,
                                                .period_ms = -1,
                                                .handle = on_sign_ins,
                                                .context = provider},
                        &provider->sign_in_worker, fault);
}

void provider_sign_in_close(struct provider *provider)
{
    if (provider->client_secret != NULL)
        sodium_memzero(provider->client_secret, strlen(provider->client_secret));
    free(provider->client_secret);
    free(provider->client);
    free(provider->origin);
    if (provider->sign_ins != NULL)
        batch_queue_free(provider->sign_ins);
}
