#include "orchestrator/settings_check.h"

#include "base/url.h"
#include "config/broker_hosts.h"
#include "config/scalar.h"
#include "orchestrator/daemon_setup.h"
#include "orchestrator/intake/intake.h"
#include "orchestrator/renewal.h"
#include "orchestrator/store/store.h"
#include "orchestrator/webhooks/webhooks.h"
#include "topics/topic.h"

#include <stdlib.h>
#include <string.h>

static bool is_set(const char *text)
{
    return *text != '\0';
}

/* Adds a fault whose text names the setting. */
static void add(struct document_faults *faults, enum tc_error error, const struct tc_fault *fault)
{
    if (error != TC_OK)
        document_fault_add(faults, 0, 0, "", "%s", fault->text);
}

static void check_names(const struct daemon_settings *settings, struct document_faults *faults)
{
    if (!topic_root_is_valid(settings->topic_root))
        document_fault_add(faults, 0, 0, "topic_root",
                           "found \"%s\", allowed: 1 to %d characters, levels of A-Z a-z 0-9 _ - . joined by /",
                           settings->topic_root, TOPIC_ROOT_MAX);
    if (!name_is_valid(settings->redis_prefix, strlen(settings->redis_prefix)))
        document_fault_add(faults, 0, 0, "redis.prefix",
                           "found \"%s\", allowed: a name of 1 to 64 of A-Z a-z 0-9 _ - and, inside it, . : +",
                           settings->redis_prefix);
    if (is_set(settings->http_public_url) && !scalar_is_url(settings->http_public_url))
        document_fault_add(faults, 0, 0, "http.public_url", "found \"%s\", allowed: an http:// or https:// URL",
                           settings->http_public_url);
}

/* A password in the host would appear in each fault of the connection. */
static void check_redis_user(const char *host, struct document_faults *faults)
{
    if (url_may_have_user(host))
        document_fault_add(faults, 0, 0, "",
                           "redis.host: a user is not allowed; set its password in redis.password_file");
}

static void check_hosts(const struct daemon_settings *settings, struct document_faults *faults)
{
    struct host_list hosts;
    struct tc_fault fault;
    add(faults, broker_hosts_read(settings->broker_hosts, settings->broker_host, &hosts, &fault), &fault);
    if (!is_set(settings->redis_socket) && !is_set(settings->redis_host))
        document_fault_add(faults, 0, 0, "redis.host", "must be set, since redis.socket is empty");
    if (is_set(settings->redis_user) && !id_is_valid(settings->redis_user, strlen(settings->redis_user)))
        document_fault_add(faults, 0, 0, "redis.user", "found \"%s\", allowed: 1 to 64 of A-Z a-z 0-9 _ -",
                           settings->redis_user);
    if (is_set(settings->redis_user) && !is_set(settings->redis_password_file))
        document_fault_add(faults, 0, 0, "redis.password_file", "must be set, since redis.user is");
    check_redis_user(settings->redis_host, faults);
    if (!is_set(settings->data_folder))
        document_fault_add(faults, 0, 0, "data_folder", "must be the path of a folder; it is empty");
}

static void check_pair(const char *certificate_key, const char *certificate, const char *key_key, const char *key,
                       struct document_faults *faults)
{
    if (is_set(certificate) != is_set(key))
        document_fault_add(faults, 0, 0, is_set(certificate) ? key_key : certificate_key, "must be set, since %s is",
                           is_set(certificate) ? certificate_key : key_key);
}

static void check_http(const struct daemon_settings *settings, struct document_faults *faults)
{
    check_pair("http.certificate_file", settings->http_certificate_file, "http.key_file", settings->http_key_file,
               faults);
    if (is_set(settings->http_device_issuer_file) && !is_set(settings->http_certificate_file))
        document_fault_add(faults, 0, 0, "http.certificate_file",
                           "must be set, since http.device_issuer_file is: devices show certificates by TLS alone");
}

static void check_est(const struct daemon_settings *settings, struct document_faults *faults)
{
    check_pair("est.certificate_file", settings->est_certificate_file, "est.key_file", settings->est_key_file, faults);
    check_pair("est.device_issuer_certificate_file", settings->est_device_issuer_certificate_file,
               "est.device_issuer_key_file", settings->est_device_issuer_key_file, faults);
    if (settings->est_port != 0 && !is_set(settings->est_certificate_file))
        document_fault_add(faults, 0, 0, "est.certificate_file", "must be set, since est.port is");
    if (settings->est_port != 0 && !is_set(settings->est_device_issuer_certificate_file))
        document_fault_add(faults, 0, 0, "est.device_issuer_certificate_file", "must be set, since est.port is");
}

static void check_oidc(const struct daemon_settings *settings, struct document_faults *faults)
{
    struct tc_fault fault;
    struct provider_config provider;
    daemon_setup_provider(settings, &provider);
    if (is_set(settings->oidc_issuer))
        add(faults, provider_check(&provider, &fault), &fault);
    else if (is_set(settings->oidc_audience) || is_set(settings->oidc_client_id))
        document_fault_add(faults, 0, 0, "oidc.issuer", "must be set, since %s is",
                           is_set(settings->oidc_audience) ? "oidc.audience" : "oidc.client_id");
    if (settings->oidc_keys_max_age_ms <= settings->oidc_keys_refresh_ms)
        document_fault_add(faults, 0, 0, "oidc.keys_max_age", "must be more than oidc.keys_refresh");
}

void settings_check(const struct daemon_settings *settings, struct document_faults *faults)
{
    struct tc_fault fault;
    check_names(settings, faults);
    check_hosts(settings, faults);
    check_pair("broker.certificate_file", settings->broker_certificate_file, "broker.key_file",
               settings->broker_key_file, faults);
    check_http(settings, faults);
    check_est(settings, faults);
    check_oidc(settings, faults);
    add(faults, webhooks_check(settings->webhooks, settings->insecure_loopback, &fault), &fault);
    add(faults, store_check_connection(settings->database, &fault), &fault);
    if (store_check_connection(settings->database_migration, &fault) != TC_OK)
        document_fault_add(faults, 0, 0, "database_migration", "%s", fault.text);
    intake_check(settings, faults);
}

static void check_password(const char *key, const char *path, struct document_faults *faults)
{
    char *password = NULL;
    struct tc_fault fault;
    if (daemon_setup_password(path, &password, &fault) != TC_OK)
        document_fault_add(faults, 0, 0, key, "%s", fault.text);
    free(password);
}

static void check_secret_of_client(const struct daemon_settings *settings, struct document_faults *faults)
{
    struct tc_fault fault;
    struct provider_config provider;
    daemon_setup_provider(settings, &provider);
    add(faults, provider_check_files(&provider, &fault), &fault);
}

void settings_check_files(const struct daemon_settings *settings, struct document_faults *faults)
{
    check_password("broker.password_file", settings->broker_password_file, faults);
    struct tc_fault fault;
    check_password("redis.password_file", settings->redis_password_file, faults);
    check_secret_of_client(settings, faults);
    add(faults, webhooks_check_files(settings->webhooks, &fault), &fault);
    intake_check_files(settings, faults);
    renewal_check_files(settings, faults);
}
