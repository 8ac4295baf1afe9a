#include "orchestrator/daemon_setup.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "config/broker_hosts.h"
#include "orchestrator/watermark/watermark_file.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSWORD_SIZE_MAX = 4096, CACHE_TIMEOUT_MS = 2000, MS_PER_SECOND = 1000 };

static const char *text_or_null(const char *text)
{
    return *text == '\0' ? NULL : text;
}

enum tc_error daemon_setup_password(const char *path, char **password, struct tc_fault *fault)
{
    *password = NULL;
    if (*path == '\0')
        return TC_OK;
    struct buffer content = {0};
    enum tc_error error = file_read_secret(path, PASSWORD_SIZE_MAX, &content, fault);
    if (error == TC_OK) {
        *password = strdup(buffer_text(&content));
        TC_CHECK(*password != NULL);
    }
    buffer_free(&content);
    return error;
}

static void name_instance(const struct daemon_settings *settings, struct daemon_identity *identity)
{
    char host[HOST_NAME_MAX + 1] = "tellercastd";
    const char *name = settings->instance;
    if (*name == '\0' && gethostname(host, sizeof host - 1) == 0)
        name = host;
    (void)snprintf(identity->name, sizeof identity->name, "%.64s", *name == '\0' ? host : name);
    (void)snprintf(identity->instance, sizeof identity->instance, "%s-%d-%llx", identity->name, (int)getpid(),
                   (unsigned long long)clock_now_ms());
    unsigned slot = 0;
    for (const char *c = identity->instance; *c != '\0'; c++)
        slot = slot * 31 + (unsigned char)*c;
    identity->first_shard = (int)(slot % ORCHESTRATOR_SLOTS) * SHARDS_AN_ORCHESTRATOR;
}

/* An orchestrator with a name of its own has the same client ID at each start, so that a broker ends the connection of
 * the run before. Without the guard only a secret keeps others from taking it: one that all machines have, on which the
 * name may be started. */
static void name_client(const struct daemon_settings *settings, const char *share_secret,
                        struct daemon_identity *identity)
{
    const char *secret = share_secret != NULL                ? share_secret
                         : identity->broker_password != NULL ? identity->broker_password
                                                             : "";
    (void)snprintf(identity->client_id, sizeof identity->client_id, "%s", identity->instance);
    if (*settings->instance == '\0')
        return;
    topic_client_digits(secret, identity->name, identity->client_digits);
    (void)snprintf(identity->client_id, sizeof identity->client_id, "%s-%s", identity->name, identity->client_digits);
}

static enum tc_error name_share(const struct daemon_settings *settings, struct daemon_identity *identity,
                                struct tc_fault *fault)
{
    char *secret;
    enum tc_error error = daemon_setup_password(settings->broker_share_secret_file, &secret, fault);
    if (secret == NULL)
        (void)snprintf(identity->share_name, sizeof identity->share_name, "%s", TOPIC_SHARE_DEFAULT);
    else
        topic_share_name(secret, identity->share_name);
    name_client(settings, secret, identity);
    free(secret);
    return error;
}

enum tc_error daemon_setup_identity(const struct daemon_settings *settings, struct daemon_identity *identity,
                                    struct tc_fault *fault)
{
    name_instance(settings, identity);
    struct buffer url = {0};
    if (*settings->http_public_url != '\0')
        buffer_put(&url, settings->http_public_url, strlen(settings->http_public_url));
    else
        buffer_format(&url, "http://%s:%lld", settings->http_listen, (long long)settings->http_port);
    while (url.length > 0 && url.bytes[url.length - 1] == '/')
        url.bytes[--url.length] = '\0';
    identity->public_url = url.bytes;

    if (daemon_setup_password(settings->broker_password_file, &identity->broker_password, fault) != TC_OK)
        return tc_fault_context(fault, "broker.password_file");
    if (daemon_setup_password(settings->redis_password_file, &identity->redis_password, fault) != TC_OK)
        return tc_fault_context(fault, "redis.password_file");
    if (name_share(settings, identity, fault) != TC_OK)
        return tc_fault_context(fault, "broker.share_secret_file");
    if (*settings->broker_key_file != '\0' && file_check_private(settings->broker_key_file, fault) != TC_OK)
        return tc_fault_context(fault, "broker.key_file");
    return TC_OK;
}

void daemon_setup_free(struct daemon_identity *identity)
{
    free(identity->public_url);
    free(identity->broker_password);
    free(identity->redis_password);
}

bool daemon_setup_is_asked_to_stop(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

enum tc_error daemon_setup_guard(const struct daemon_settings *settings, struct store_guard **guard,
                                 struct tc_fault *fault)
{
    struct watermark mark;
    enum tc_error error = watermark_files_read(settings->data_folder, &mark, fault);
    if (error == TC_OK)
        *guard = store_guard_open(&mark);
    return error;
}

void daemon_setup_cache(const struct daemon_settings *settings, const struct daemon_identity *identity,
                        struct cache_config *cache)
{
    *cache = (struct cache_config){
        .socket_path = text_or_null(settings->redis_socket),
        .host = settings->redis_host,
        .port = (int)settings->redis_port,
        .user = text_or_null(settings->redis_user),
        .password = identity->redis_password,
        .prefix = settings->redis_prefix,
        .timeout_ms = CACHE_TIMEOUT_MS,
    };
}

void daemon_setup_provider(const struct daemon_settings *settings, struct provider_config *provider)
{
    *provider = (struct provider_config){
        .issuer = settings->oidc_issuer,
        .audience = settings->oidc_audience,
        .client_id = settings->oidc_client_id,
        .secret_file = settings->oidc_client_secret_file,
        .redirect_url = settings->oidc_redirect_url,
        .session_ms = settings->oidc_session_ms,
        .ca_file = settings->oidc_ca_file,
        .groups_claim = settings->oidc_groups_claim,
        .groups = settings->oidc_groups,
        .refresh_ms = settings->oidc_keys_refresh_ms,
        .keys_max_age_ms = settings->oidc_keys_max_age_ms,
        .insecure_loopback = settings->insecure_loopback,
    };
}

void daemon_setup_broker(const struct daemon_settings *settings, const struct daemon_identity *identity,
                         struct broker_config *broker)
{
    struct tc_fault fault;
    TC_CHECK(broker_hosts_read(settings->broker_hosts, settings->broker_host, &broker->hosts, &fault) == TC_OK);
    broker->port = (int)settings->broker_port;
    broker->user = text_or_null(settings->broker_user);
    broker->password = identity->broker_password;
    broker->keep_alive_s = (int)(settings->broker_keep_alive_ms / MS_PER_SECOND);
    broker->in_flight_limit = (int)settings->broker_in_flight;
}
