#include "clients/ctl/commands/pki_probe.h"

#include "base/clock.h"
#include "clients/ctl/endpoints/tls_probe.h"
#include "pki/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CANARY_ID "crl-probe"

static enum tc_error issue(struct pki_authority *authority, enum pki_kind kind, int64_t now_ms, EVP_PKEY *key,
                           X509 **certificate, struct tc_fault *fault)
{
    enum { LIFETIME_MS = 3600 * 1000 };
    const struct pki_order order = {.identity = {.kind = kind, .id = CANARY_ID},
                                    .key = key,
                                    .validity = {now_ms - PKI_BACKDATE_MS, now_ms + LIFETIME_MS}};
    return pki_authority_issue(authority, &order, certificate, fault);
}

enum tc_error pki_canaries_make(struct pki_authority *authority, enum pki_kind kind, int64_t now_ms,
                                struct pki_canaries *canaries, struct tc_fault *fault)
{
    struct pki_revocation revocation = {.revoked_at_ms = now_ms};
    enum tc_error error = pki_key_make(&canaries->key, fault);
    if (error == TC_OK)
        error = issue(authority, kind, now_ms, canaries->key, &canaries->revoked, fault);
    if (error == TC_OK)
        error = issue(authority, kind, now_ms, canaries->key, &canaries->valid, fault);
    if (error == TC_OK)
        error = pki_certificate_serial(canaries->revoked, revocation.serial, fault);
    return error == TC_OK ? pki_authority_revoke(authority, &revocation, fault) : error;
}

void pki_canaries_free(struct pki_canaries *canaries)
{
    pki_certificate_free(canaries->revoked);
    pki_certificate_free(canaries->valid);
    pki_key_free(canaries->key);
    *canaries = (struct pki_canaries){0};
}

/* "HOST:PORT" and "[ADDRESS]:PORT". */
static bool split_address(const char *text, char host[static 256], char port[static 8])
{
    const char *colon = strrchr(text, ':');
    const char *end = colon;
    if (colon == NULL || colon == text || strlen(colon + 1) == 0 || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    if (*text == '[' && colon[-1] == ']') {
        text++;
        end--;
    }
    (void)snprintf(port, 8, "%s", colon + 1);
    return snprintf(host, 256, "%.*s", (int)(end - text), text) < 256;
}

/* The trust file for the broker's own certificate: --ca-file, or that of the operations authority. */
static bool trust_file(const struct session *session, char path[static PATH_MAX], int *code)
{
    const char *given = session_option(session, "ca-file");
    char folder[PATH_MAX];
    if (given == NULL && !pki_folder(session, PKI_OPERATIONS, folder, code))
        return false;
    int length = given == NULL ? snprintf(path, PATH_MAX, "%.*s/trust.pem", PATH_MAX - 16, folder)
                               : snprintf(path, PATH_MAX, "%s", given);
    if (length > 0 && length < PATH_MAX && access(path, R_OK) == 0)
        return true;
    *code = session_fail(session, EXIT_ERROR, "%s: cannot read the trust file for the broker; give --ca-file", path);
    return false;
}

/* Shows the certificate until the outcome is the awaited one or the time is up: before the broker has read the new list
 * it goes by the old one, which may have ended. At once when the broker has read its list, and then once a second: no
 * more often than the broker's guard and its packet filter allow (docs/guard.md, docs/security.md). */
static enum tc_error ask_until(struct tls_probe *probe, X509 *certificate, enum tls_probe_outcome awaited,
                               int64_t wait_ms, enum tls_probe_outcome *outcome, struct tc_fault *fault)
{
    enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 1000 };
    int64_t deadline_ms = clock_monotonic_ms() + wait_ms, left_ms, pause_ms = FIRST_PAUSE_MS;
    enum tc_error error;
    probe->certificate = certificate;
    while ((error = tls_probe(probe, outcome, fault)) == TC_OK && *outcome != awaited &&
           (left_ms = deadline_ms - clock_monotonic_ms()) > 0) {
        clock_sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
        pause_ms = pause_ms * 2 < LONGEST_PAUSE_MS ? pause_ms * 2 : LONGEST_PAUSE_MS;
    }
    return error;
}

static int judge_refusal(const struct session *session, const char *address, enum tls_probe_outcome outcome,
                         const struct tc_fault *fault)
{
    if (outcome == TLS_PROBE_REVOKED)
        return EXIT_HEALTHY;
    if (outcome == TLS_PROBE_ACCEPTED)
        return session_fail(
            session, EXIT_ERROR,
            "%s: ACCEPTS REVOKED CERTIFICATES: it does not use this list; restart the broker, and look at "
            "its crlfile",
            address);
    return session_fail(session, EXIT_ERROR, "%s: refused the revoked certificate for another reason: %s", address,
                        fault->text);
}

static int probe_both(const struct session *session, struct tls_probe *probe, const struct pki_canaries *canaries)
{
    int code;
    int64_t wait_ms;
    struct tc_fault fault;
    enum tls_probe_outcome outcome;
    const char *address = session_option(session, "probe");
    if (!pki_duration(session, "wait", &wait_ms, &code))
        return code;
    if (ask_until(probe, canaries->revoked, TLS_PROBE_REVOKED, wait_ms, &outcome, &fault) != TC_OK)
        return session_fail_fault(session, &fault);
    code = judge_refusal(session, address, outcome, &fault);
    if (code != EXIT_HEALTHY)
        return code;
    if (ask_until(probe, canaries->valid, TLS_PROBE_ACCEPTED, wait_ms, &outcome, &fault) != TC_OK)
        return session_fail_fault(session, &fault);
    if (outcome != TLS_PROBE_ACCEPTED)
        return session_fail(session, EXIT_ERROR, "%s: LETS NOBODY IN: it refused a certificate that is not revoked: %s",
                            address, fault.text);
    session_say(session, "%s: uses this list", address);
    return EXIT_HEALTHY;
}

int pki_probe(const struct session *session, const struct pki_canaries *canaries)
{
    enum { ANSWER_TIMEOUT_S = 5 };
    int code;
    char host[256], port[8], trust[PATH_MAX];
    if (!split_address(session_option(session, "probe"), host, port))
        return session_fail_usage(session, "--probe: found \"%.80s\", allowed: HOST:PORT",
                                  session_option(session, "probe"));
    if (!trust_file(session, trust, &code))
        return code;
    struct tls_probe probe = {.host = host,
                              .port = port,
                              .ca_file = trust,
                              .key = canaries->key,
                              .client_id = CANARY_ID,
                              .timeout_s = ANSWER_TIMEOUT_S};
    return probe_both(session, &probe, canaries);
}
