#include "orchestrator/renewal.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/crl_watch.h"
#include "orchestrator/metrics/metrics.h"
#include "tls/credentials.h"

#include <stdlib.h>

enum { MS_PER_SECOND = 1000 };

/* An endpoint that shows a certificate. */
struct endpoint {
    struct credentials *credentials;
    bool is_due; /* new files are in use, and the endpoint has not taken them yet */
};

struct renewal {
    struct credentials *broker;
    struct endpoint http, est;
    struct crl_watch *lists;
};

static struct credentials_files broker_files(const struct daemon_settings *settings)
{
    return (struct credentials_files){.name = "broker",
                                      .ca_file = settings->broker_ca_file,
                                      .certificate_file = settings->broker_certificate_file,
                                      .key_file = settings->broker_key_file};
}

static struct credentials_files http_files(const struct daemon_settings *settings)
{
    return (struct credentials_files){.name = "http",
                                      .ca_file = settings->http_device_issuer_file,
                                      .ca_key = "device_issuer_file",
                                      .certificate_file = settings->http_certificate_file,
                                      .key_file = settings->http_key_file,
                                      .check_ca = intake_check_device_issuers};
}

static struct credentials_files est_files(const struct daemon_settings *settings)
{
    return (struct credentials_files){.name = "est",
                                      .ca_file = "",
                                      .certificate_file = settings->est_certificate_file,
                                      .key_file = settings->est_key_file};
}

void renewal_check_files(const struct daemon_settings *settings, struct document_faults *faults)
{
    struct credentials_files http = http_files(settings);
    http.ca_file = ""; /* intake_check_files reads the issuers of devices */
    const struct credentials_files checked[] = {broker_files(settings), http, est_files(settings)};
    struct tc_fault fault;
    for (size_t i = 0; i < sizeof checked / sizeof *checked; i++) {
        if (credentials_check(&checked[i], &fault) != TC_OK)
            document_fault_add(faults, 0, 0, "", "%s", fault.text);
    }
}

/* The expiry as a gauge: 0 without a certificate. */
static void show_expiry(enum metric metric, const struct credentials *credentials)
{
    int64_t expiry_ms = credentials_expiry_ms(credentials);
    metric_set(metric, expiry_ms == CREDENTIALS_NO_EXPIRY ? 0 : expiry_ms / MS_PER_SECOND);
}

static void show_expiries(const struct renewal *renewal)
{
    show_expiry(METRIC_BROKER_CERTIFICATE_EXPIRY, renewal->broker);
    show_expiry(METRIC_HTTP_CERTIFICATE_EXPIRY, renewal->http.credentials);
    show_expiry(METRIC_EST_CERTIFICATE_EXPIRY, renewal->est.credentials);
}

enum tc_error renewal_open(const struct daemon_settings *settings, struct renewal **renewal, struct tc_fault *fault)
{
    const struct credentials_files broker = broker_files(settings), http = http_files(settings),
                                   est = est_files(settings);
    struct renewal *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    enum tc_error error = credentials_open(&broker, &opened->broker, fault);
    if (error == TC_OK)
        error = credentials_open(&http, &opened->http.credentials, fault);
    if (error == TC_OK)
        error = credentials_open(&est, &opened->est.credentials, fault);
    if (error != TC_OK) {
        renewal_close(opened);
        return error;
    }
    opened->lists = crl_watch_open(settings->broker_crl_file);
    show_expiries(opened);
    *renewal = opened;
    return TC_OK;
}

void renewal_close(struct renewal *renewal)
{
    if (renewal == NULL)
        return;
    crl_watch_close(renewal->lists);
    credentials_close(renewal->est.credentials);
    credentials_close(renewal->http.credentials);
    credentials_close(renewal->broker);
    free(renewal);
}

static const char *path_or_null(const char *path)
{
    return *path == '\0' ? NULL : path;
}

void renewal_set_broker(const struct renewal *renewal, struct broker_config *broker)
{
    broker->ca_file = path_or_null(credentials_ca_path(renewal->broker));
    broker->certificate_file = path_or_null(credentials_certificate_path(renewal->broker));
    broker->key_file = path_or_null(credentials_key_path(renewal->broker));
}

void renewal_set_intake(const struct renewal *renewal, struct intake_config *intake)
{
    intake->http_certificate_file = credentials_certificate_path(renewal->http.credentials);
    intake->http_key_file = credentials_key_path(renewal->http.credentials);
    intake->http_device_issuer_file = credentials_ca_path(renewal->http.credentials);
    intake->est_certificate_file = credentials_certificate_path(renewal->est.credentials);
    intake->est_key_file = credentials_key_path(renewal->est.credentials);
}

static void watch_endpoint(struct endpoint *endpoint, int64_t now_ms, struct intake *intake,
                           enum tc_error (*renew)(struct intake *intake, struct tc_fault *fault))
{
    struct tc_fault fault;
    if (credentials_watch(endpoint->credentials, now_ms))
        endpoint->is_due = true;
    if (!endpoint->is_due)
        return;
    enum tc_error error = renew(intake, &fault);
    endpoint->is_due = error == TC_BUSY;
    if (error != TC_OK)
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "http.not_renewed", F_STR("reason", fault.text));
}

void renewal_watch(struct renewal *renewal, struct broker *broker, struct intake *intake)
{
    int64_t now_ms = clock_now_ms();
    if (credentials_watch(renewal->broker, now_ms))
        broker_renew(broker);
    watch_endpoint(&renewal->http, now_ms, intake, intake_renew_http);
    watch_endpoint(&renewal->est, now_ms, intake, intake_renew_est);
    crl_watch_look(renewal->lists);
    show_expiries(renewal);
}
