#include "orchestrator/webhooks/webhooks.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/url.h"
#include "orchestrator/outbound/https_request.h"
#include "orchestrator/webhooks/delivery.h"
#include "orchestrator/webhooks/signature.h"

#include <jansson.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct webhooks {
    struct webhooks_config config;
    pthread_mutex_t lock; /* of the list: one thread changes it */
    struct delivery *deliveries[WEBHOOKS_MAX];
    size_t count;
};

/* ---- checks ---- */

static bool is_known(const char *kind)
{
    static const char *const kinds[] = {
#define LOGGED_KIND(constant, name) name,
#include "orchestrator/rollout/vocabulary.def"
    };
    bool is_there = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !is_there; i++)
        is_there = strcmp(kinds[i], kind) == 0;
    return is_there;
}

typedef enum tc_error webhook_check(const struct webhook_settings *webhook, bool allows_loopback,
                                    struct tc_fault *fault);

static enum tc_error check_each(const char *setting, webhook_check *check, bool allows_loopback, struct tc_fault *fault)
{
    struct webhook_settings list[WEBHOOKS_MAX];
    size_t count = webhooks_read(setting, list);
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < count; i++) {
        if (error == TC_OK && (error = check(&list[i], allows_loopback, fault)) != TC_OK)
            (void)tc_fault_context(fault, "webhooks: %s", list[i].name);
        webhook_settings_free(&list[i]);
    }
    return error;
}

static enum tc_error check_words(const struct webhook_settings *webhook, bool allows_loopback, struct tc_fault *fault)
{
    enum tc_error error = https_check_url(webhook->url, allows_loopback, fault);
    if (error != TC_OK)
        return tc_fault_context(fault, "url");
    for (size_t i = 0; i < webhook->kind_count; i++) {
        if (!is_known(webhook->kinds[i]))
            return tc_fault_set(fault, TC_INVALID, "kinds: found \"%s\", allowed: kinds of events, as freeze",
                                webhook->kinds[i]);
    }
    return TC_OK;
}

static enum tc_error check_readable(const struct webhook_settings *webhook, bool allows_loopback,
                                    struct tc_fault *fault)
{
    (void)allows_loopback;
    struct webhook_secret secret;
    enum tc_error error = TC_OK;
    for (size_t i = 0; error == TC_OK && i < webhook->secret_count; i++)
        error = webhook_secret_read(webhook->secret_files[i], &secret, fault);
    sodium_memzero(&secret, sizeof secret);
    if (error != TC_OK)
        return tc_fault_context(fault, "secret_files");
    if (webhook->ca_file[0] != '\0' && access(webhook->ca_file, R_OK) != 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "ca_file: cannot read %s", webhook->ca_file);
    return TC_OK;
}

enum tc_error webhooks_check(const char *setting, bool allows_loopback, struct tc_fault *fault)
{
    return check_each(setting, check_words, allows_loopback, fault);
}

enum tc_error webhooks_check_files(const char *setting, struct tc_fault *fault)
{
    return check_each(setting, check_readable, false, fault);
}

/* ---- the list ---- */

/* The delivery of the same settings, taken out of the list; NULL: there is none. */
static struct delivery *take_equal(struct delivery **list, size_t count, const struct webhook_settings *settings)
{
    for (size_t i = 0; i < count; i++) {
        struct delivery *delivery = list[i];
        if (delivery == NULL || !webhook_settings_equal(delivery_settings(delivery), settings))
            continue;
        list[i] = NULL;
        return delivery;
    }
    return NULL;
}

/* One that cannot be started is left out, and logged. */
static void add(struct webhooks *webhooks, struct delivery *delivery, struct webhook_settings *settings)
{
    struct tc_fault fault;
    char name[TC_ID_SIZE];
    memcpy(name, settings->name, sizeof name);
    if (delivery != NULL) {
        webhook_settings_free(settings);
        delivery_begin_again(delivery);
    } else if (delivery_open(&webhooks->config, settings, &delivery, &fault) != TC_OK) {
        LOG_ERROR("webhook.not_started", F_STR("webhook", name), F_STR("reason", fault.text));
        return;
    }
    (void)pthread_mutex_lock(&webhooks->lock);
    webhooks->deliveries[webhooks->count++] = delivery;
    (void)pthread_mutex_unlock(&webhooks->lock);
}

void webhooks_replace(struct webhooks *webhooks, const char *setting)
{
    struct webhook_settings list[WEBHOOKS_MAX];
    struct delivery *kept[WEBHOOKS_MAX], *before[WEBHOOKS_MAX];
    size_t count = webhooks_read(setting, list), count_before = webhooks->count;
    (void)pthread_mutex_lock(&webhooks->lock);
    memcpy(before, webhooks->deliveries, sizeof before);
    webhooks->count = 0;
    (void)pthread_mutex_unlock(&webhooks->lock);
    for (size_t i = 0; i < count; i++)
        kept[i] = take_equal(before, count_before, &list[i]);
    for (size_t i = 0; i < count_before; i++)
        delivery_stop(before[i]); /* all at once: a receiver may be slow */
    for (size_t i = 0; i < count_before; i++)
        delivery_close(before[i]); /* before one of the same name begins */
    for (size_t i = 0; i < count; i++)
        add(webhooks, kept[i], &list[i]);
}

enum tc_error webhooks_open(const struct webhooks_config *config, const char *setting, struct webhooks **webhooks,
                            struct tc_fault *fault)
{
    struct webhooks *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    (void)pthread_mutex_init(&opened->lock, NULL);
    enum tc_error error = webhooks_check(setting, config->allows_loopback, fault);
    if (error != TC_OK) {
        webhooks_close(opened);
        return error;
    }
    webhooks_replace(opened, setting);
    *webhooks = opened;
    return TC_OK;
}

void webhooks_end(struct webhooks *webhooks)
{
    if (webhooks != NULL)
        webhooks_replace(webhooks, "[]");
}

void webhooks_close(struct webhooks *webhooks)
{
    if (webhooks == NULL)
        return;
    webhooks_end(webhooks);
    (void)pthread_mutex_destroy(&webhooks->lock);
    free(webhooks);
}

/* ---- for others ---- */

/* The host of a URL that https_check_url accepted. The rest of it may be a secret. */
static json_t *host_of(const char *url)
{
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + strlen("://");
    json_t *text = json_stringn(host, strcspn(host, "/?"));
    return text == NULL ? json_string("") : text;
}

static json_t *describe(const struct webhook_settings *settings)
{
    json_t *kinds = json_array();
    for (size_t i = 0; i < settings->kind_count; i++)
        TC_CHECK(json_array_append_new(kinds, json_string(settings->kinds[i])) == 0);
    json_t *told = json_pack("{s:s, s:o, s:o}", "name", settings->name, "host", host_of(settings->url), "kinds", kinds);
    TC_CHECK(told != NULL);
    return told;
}

void webhooks_describe(void *context, struct buffer *json)
{
    struct webhooks *webhooks = context;
    json_t *list = json_array();
    TC_CHECK(list != NULL);
    (void)pthread_mutex_lock(&webhooks->lock);
    for (size_t i = 0; i < webhooks->count; i++)
        TC_CHECK(json_array_append_new(list, describe(delivery_settings(webhooks->deliveries[i]))) == 0);
    (void)pthread_mutex_unlock(&webhooks->lock);
    char *text = json_dumps(list, JSON_COMPACT);
    TC_CHECK(text != NULL);
    buffer_put_text(json, text);
    free(text);
    json_decref(list);
}

int64_t webhooks_last_progress_ms(const struct webhooks *webhooks)
{
    int64_t last_ms = clock_monotonic_ms();
    for (size_t i = 0; i < webhooks->count; i++) {
        int64_t progress_ms = delivery_last_progress_ms(webhooks->deliveries[i]);
        last_ms = progress_ms < last_ms ? progress_ms : last_ms;
    }
    return last_ms;
}
