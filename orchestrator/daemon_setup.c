#include "orchestrator/daemon_setup.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "orchestrator/store/store.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PASSWORD_SIZE_MAX = 4096, CACHE_TIMEOUT_MS = 2000, MIGRATE_AGAIN_MS = 500, MS_PER_SECOND = 1000 };

static const char *text_or_null(const char *text)
{
    return *text == '\0' ? NULL : text;
}

/* The first line of a file. */
static enum tc_error read_password(const char *path, char **password, struct tc_fault *fault)
{
    *password = NULL;
    if (*path == '\0')
        return TC_OK;
    struct buffer content = {0};
    enum tc_error error = file_read(path, PASSWORD_SIZE_MAX, &content, fault);
    if (error == TC_OK) {
        *password = strndup(buffer_text(&content), strcspn(buffer_text(&content), "\r\n"));
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
    (void)snprintf(identity->instance, sizeof identity->instance, "%.64s-%d-%llx", *name == '\0' ? host : name,
                   (int)getpid(), (unsigned long long)clock_now_ms());
    unsigned slot = 0;
    for (const char *c = identity->instance; *c != '\0'; c++)
        slot = slot * 31 + (unsigned char)*c;
    identity->first_shard = (int)(slot % ORCHESTRATOR_SLOTS) * SHARDS_AN_ORCHESTRATOR;
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

    enum tc_error error = read_password(settings->broker_password_file, &identity->broker_password, fault);
    if (error == TC_OK)
        error = read_password(settings->redis_password_file, &identity->redis_password, fault);
    return error;
}

void daemon_setup_free(struct daemon_identity *identity)
{
    free(identity->public_url);
    free(identity->broker_password);
    free(identity->redis_password);
}

enum tc_error daemon_setup_key(const struct daemon_settings *settings, struct signing_key **key, struct tc_fault *fault)
{
    char private_path[PATH_MAX], public_path[PATH_MAX];
    (void)snprintf(private_path, sizeof private_path, "%s/signing-key.json", settings->data_folder);
    (void)snprintf(public_path, sizeof public_path, "%s/trusted-keys.json", settings->data_folder);
    enum tc_error error = file_make_folders(settings->data_folder, 0750, fault);
    if (error == TC_OK && access(private_path, F_OK) != 0) {
        error = signing_key_create(private_path, fault);
        if (error == TC_OK)
            LOG_INFO("key.created", F_STR("file", private_path));
        else if (error == TC_CONFLICT)
            error = TC_OK; /* another orchestrator beside this one was quicker */
    }
    if (error == TC_OK)
        error = signing_key_open(private_path, key, fault);
    if (error != TC_OK)
        return error;
    struct buffer public = {0};
    signing_key_public_set(*key, &public);
    error = file_replace(public_path, public.bytes, public.length, 0644, fault);
    buffer_free(&public);
    return error;
}

static bool told_to_end(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* What passes: the database is away, full, or too busy to be changed now. */
static bool passes(enum tc_error error)
{
    return error == TC_UNAVAILABLE || error == TC_BUSY || error == TC_NO_SPACE;
}

enum tc_error daemon_setup_schema(const struct daemon_settings *settings, struct tc_fault *fault)
{
    struct store *store;
    enum tc_error error = store_open(settings->database, "tellercastd migration", &store, fault);
    if (error != TC_OK)
        return error;
    while (passes(error = store_migrate(store, fault))) {
        if (error != TC_UNAVAILABLE) /* which the connection says itself */
            LOG_WARNING("database.migration_waits", F_STR("reason", fault->text));
        if (told_to_end()) {
            error = tc_fault_set(fault, TC_TIMEOUT, "told to end while waiting for the database");
            break;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = MIGRATE_AGAIN_MS * 1000000L}, NULL);
    }
    store_close(store);
    return error;
}

void daemon_setup_cache(const struct daemon_settings *settings, const struct daemon_identity *identity,
                        struct cache_config *cache)
{
    *cache = (struct cache_config){
        .socket_path = text_or_null(settings->redis_socket),
        .host = settings->redis_host,
        .port = (int)settings->redis_port,
        .password = identity->redis_password,
        .prefix = settings->redis_prefix,
        .timeout_ms = CACHE_TIMEOUT_MS,
    };
}

void daemon_setup_broker(const struct daemon_settings *settings, const struct daemon_identity *identity,
                         struct broker_config *broker)
{
    broker->host = settings->broker_host;
    broker->port = (int)settings->broker_port;
    broker->user = text_or_null(settings->broker_user);
    broker->password = identity->broker_password;
    broker->ca_file = text_or_null(settings->broker_ca_file);
    broker->certificate_file = text_or_null(settings->broker_certificate_file);
    broker->key_file = text_or_null(settings->broker_key_file);
    broker->keep_alive_s = (int)(settings->broker_keep_alive_ms / MS_PER_SECOND);
    broker->in_flight_limit = (int)settings->broker_in_flight;
}
