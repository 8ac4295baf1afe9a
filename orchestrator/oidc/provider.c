#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/oidc/jwt.h"
#include "orchestrator/oidc/provider_fetch.h"
#include "orchestrator/oidc/provider_state.h"
#include "orchestrator/outbound/https_request.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 1000, RETRY_MS = 5000, MS_PER_SECOND = 1000 };

/* ---- reading the keys: on the worker's thread ---- */

static void on_timer(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct provider *provider = context;
    struct tc_fault fault;
    bool is_missed = atomic_exchange(&provider->is_wanted, false);
    if (clock_monotonic_ms() < provider->next_ms && !is_missed)
        return;
    enum tc_error error = provider_refresh(provider, &fault);
    bool is_later = error == TC_OK || provider->config.refresh_ms < RETRY_MS;
    provider->next_ms = clock_monotonic_ms() + (is_later ? provider->config.refresh_ms : RETRY_MS);
    if (error == TC_OK && provider->is_lost)
        LOG_INFO("oidc.keys_read", F_STR("issuer", provider->config.issuer));
    if (error != TC_OK && !provider->is_lost && !atomic_load(&provider->stop))
        LOG_WARNING("oidc.keys_not_read", F_STR("issuer", provider->config.issuer), F_STR("reason", fault.text));
    provider->is_lost = error != TC_OK;
}

/* ---- opening ---- */

static enum tc_error check_url(const struct provider_config *config, const char *key, const char *url,
                               struct tc_fault *fault)
{
    enum tc_error error = https_check_url(url, config->insecure_loopback, fault);
    if (error == TC_OK && strchr(url, '?') != NULL)
        error = tc_fault_set(fault, TC_INVALID, "must have no query");
    if (error == TC_OK && strlen(url) > PROVIDER_ISSUER_MAX)
        error = tc_fault_set(fault, TC_INVALID, "allowed: at most %d characters", PROVIDER_ISSUER_MAX);
    return error == TC_OK ? TC_OK : tc_fault_context(fault, "%s", key);
}

static enum tc_error check_client(const struct provider_config *config, struct tc_fault *fault)
{
    static const char path[] = "/v1/login/callback";
    size_t length = strlen(config->redirect_url);
    if (strcmp(config->client_id, config->audience) == 0)
        return tc_fault_set(fault, TC_INVALID,
                            "oidc.audience: must not be oidc.client_id, which is the audience of ID "
                            "tokens: browsers see them");
    if (length < sizeof path || strcmp(config->redirect_url + length - (sizeof path - 1), path) != 0)
        return tc_fault_set(fault, TC_INVALID, "oidc.redirect_url: must end in %s", path);
    return check_url(config, "oidc.redirect_url", config->redirect_url, fault);
}

enum tc_error provider_check(const struct provider_config *config, struct tc_fault *fault)
{
    if (config->groups_claim[0] == '\0')
        return tc_fault_set(fault, TC_INVALID, "oidc.groups_claim: must be the name of a claim");
    enum tc_error error = check_url(config, "oidc.issuer", config->issuer, fault);
    return error == TC_OK && config->client_id[0] != '\0' ? check_client(config, fault) : error;
}

static enum tc_error start(struct provider *provider, struct tc_fault *fault)
{
    const struct worker_config worker = {.name = "oidc",
                                         .queue = provider->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = LOOK_MS,
                                         .handle = on_timer,
                                         .context = provider};
    enum tc_error error = TC_OK;
    if (provider->config.client_id[0] != '\0')
        error = provider_sign_in_open(provider, fault);
    batch_queue_wake(provider->wakes);
    return error == TC_OK ? worker_start(&worker, &provider->worker, fault) : error;
}

enum tc_error provider_open(const struct provider_config *config, struct provider **provider, struct tc_fault *fault)
{
    enum tc_error error = provider_check(config, fault);
    if (error != TC_OK)
        return error;
    struct provider *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->groups = json_loads(config->groups, 0, NULL);
    opened->wakes = batch_queue_open(1, 1);
    opened->asked_ms = clock_monotonic_ms() - PROVIDER_AGAIN_MS;
    TC_CHECK(pthread_rwlock_init(&opened->lock, NULL) == 0);
    error = start(opened, fault);
    if (error != TC_OK) {
        provider_close(opened);
        return error;
    }
    *provider = opened;
    return TC_OK;
}

void provider_stop(struct provider *provider)
{
    if (provider == NULL)
        return;
    atomic_store(&provider->stop, true);
    worker_stop(provider->sign_in_worker);
    provider->sign_in_worker = NULL;
}

void provider_close(struct provider *provider)
{
    if (provider == NULL)
        return;
    provider_stop(provider);
    worker_stop(provider->worker);
    provider_sign_in_close(provider);
    provider_keys_free(provider->keys);
    provider_free_places(&provider->places);
    json_decref(provider->groups);
    (void)pthread_rwlock_destroy(&provider->lock);
    batch_queue_free(provider->wakes);
    free(provider);
}

int64_t provider_last_progress_ms(const struct provider *provider)
{
    return provider == NULL ? clock_monotonic_ms() : worker_last_progress_ms(provider->worker);
}

/* ---- bearer tokens: on any thread ---- */

bool provider_is_bearer(const char *token)
{
    return jwt_has_form(token);
}

/* Without a key: the worker looks for it. */
static enum tc_error look_again(struct provider *provider, struct tc_fault *fault)
{
    if (!provider_may_look_again(provider))
        return tc_fault_set(fault, TC_DENIED, "kid: the provider has no such key");
    atomic_store(&provider->is_wanted, true);
    batch_queue_wake(provider->wakes);
    return tc_fault_set(fault, TC_UNAVAILABLE, "the keys of the identity provider are being read again");
}

enum tc_error provider_check_bearer(struct provider *provider, const char *token, struct provider_identity *identity,
                                    struct tc_fault *fault)
{
    const struct jwt_expected expected = {.issuer = provider->config.issuer,
                                          .audience = provider->config.audience,
                                          .now_s = clock_now_ms() / MS_PER_SECOND};
    json_t *claims = NULL;
    if (expected.audience[0] == '\0')
        return tc_fault_set(fault, TC_DENIED, "oidc.audience is not set");
    enum tc_error error = provider_use_keys(provider, fault);
    if (error != TC_OK)
        return error;
    error = jwt_check(token, provider->keys, &expected, &claims, fault);
    (void)pthread_rwlock_unlock(&provider->lock);
    if (error == TC_NOT_FOUND)
        return look_again(provider, fault);
    if (error == TC_OK)
        error = provider_identify(provider, claims, identity, fault);
    json_decref(claims);
    return error;
}
