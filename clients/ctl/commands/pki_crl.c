/* Makes revocation lists and brings them to a broker; or checks how long they are still valid. */
#include "base/clock.h"
#include "base/file.h"
#include "clients/ctl/commands/pki_probe.h"
#include "clients/ctl/commands/run.h"
#include "pki/replaceable.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An authority, and during a rollover the one that it replaces. */
struct pair {
    enum pki_authority_kind kind;
    struct pki_authority *authorities[2];
    size_t count;
    struct pki_canaries canaries[2];
};

static bool open_pair(const struct session *session, enum pki_authority_kind kind, struct pair *pair, int *code)
{
    *pair = (struct pair){.kind = kind};
    pair->authorities[0] = pki_open(session, kind, code);
    if (pair->authorities[0] == NULL)
        return false;
    if (!pki_open_previous(session, kind, &pair->authorities[1], code)) {
        pki_authority_close(pair->authorities[0]);
        return false;
    }
    pair->count = pair->authorities[1] == NULL ? 1 : 2;
    return true;
}

static void close_pair(struct pair *pair)
{
    for (size_t i = 0; i < pair->count; i++) {
        pki_canaries_free(&pair->canaries[i]);
        pki_authority_close(pair->authorities[i]);
    }
}

/* Whether SIGHUP is handled by a process; it ends one that does not handle it. */
static bool handles_sighup(long pid)
{
    enum { STATUS_MAX = 8192, HEXADECIMAL = 16 };
    static const char field[] = "\nSigCgt:";
    struct buffer status = {0};
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/status", pid);
    const char *caught =
        file_read(path, STATUS_MAX, &status, NULL) == TC_OK ? strstr(buffer_text(&status), field) : NULL;
    bool handles = caught != NULL && (strtoull(caught + sizeof field - 1, NULL, HEXADECIMAL) >> (SIGHUP - 1) & 1) != 0;
    buffer_free(&status);
    return handles;
}

/* mosquitto 2.0.11 opens its listeners before it handles signals: a broker that starts is waited for. */
static enum tc_error wait_for_handler(long pid, struct tc_fault *fault)
{
    enum { WAIT_MS = 3000, LOOK_MS = 20 };
    int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
    while (!handles_sighup(pid)) {
        if (clock_monotonic_ms() >= deadline_ms)
            return tc_fault_set(
                fault, TC_UNAVAILABLE,
                "process %ld does not handle SIGHUP, which would end it: when the broker has started, call "
                "this again",
                pid);
        clock_sleep_ms(LOOK_MS);
    }
    return TC_OK;
}

/* Tells mosquitto to read its list. The process must be called mosquitto: a number in an old file may be another's. */
static enum tc_error signal_broker(const char *pid_file, struct tc_fault *fault)
{
    enum { PID_FILE_MAX = 64, NAME_FILE_MAX = 64, DECIMAL = 10 };
    struct buffer line = {0}, name = {0};
    char path[64];
    enum tc_error error = file_read_first_line(pid_file, PID_FILE_MAX, &line, fault);
    long pid = error == TC_OK ? strtol(buffer_text(&line), NULL, DECIMAL) : 0;
    if (error == TC_OK && (pid <= 1 || pid > INT32_MAX))
        error = tc_fault_set(fault, TC_INVALID, "%s: expected the number of a process", pid_file);
    (void)snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    if (error == TC_OK &&
        (file_read(path, NAME_FILE_MAX, &name, NULL) != TC_OK || strcmp(buffer_text(&name), "mosquitto\n") != 0))
        error = tc_fault_set(fault, TC_NOT_FOUND, "%s: process %ld is not mosquitto", pid_file, pid);
    if (error == TC_OK)
        error = wait_for_handler(pid, fault);
    if (error == TC_OK && kill((pid_t)pid, SIGHUP) != 0)
        error = tc_fault_set(fault, error_from_errno(errno), "signal process %ld: %s", pid, strerror(errno));
    buffer_free(&line);
    buffer_free(&name);
    return error;
}

/* Whether the broker's file may be replaced: it has no lists but those of this authority, of the one that it replaces,
 * and of those that it has replaced. */
static bool may_replace(const struct session *session, const struct pair *pair, int *code)
{
    char folder[PATH_MAX];
    struct tc_fault fault;
    struct pki_bundle retired;
    const X509 *known[PKI_BUNDLE_MAX + 2];
    size_t count = 0;
    const char *out = session_option(session, "out");
    if (out == NULL || (session_has(session, "overwrite") && file_check_replaceable(out, NULL) == TC_OK))
        return true;
    if (!pki_folder(session, pair->kind, folder, code))
        return false;
    if (pki_authority_open_retired(folder, &retired, &fault) != TC_OK) {
        *code = pki_fail(session, &fault);
        return false;
    }
    for (size_t i = 0; i < pair->count; i++)
        known[count++] = pki_authority_issuer(pair->authorities[i])->certificate;
    for (size_t i = 0; i < retired.count; i++)
        known[count++] = retired.items[i];
    bool may = pki_check_replaced_lists(out, known, count, &fault) == TC_OK;
    if (!may)
        *code = pki_fail_to_replace(session, &fault);
    pki_bundle_free(&retired);
    return may;
}

/* Brings the lists to the broker: validated, put in place at once, read, and probed. */
static int deliver(const struct session *session, struct pair *pair, const struct buffer *pem)
{
    struct tc_fault fault;
    const X509 *issuers[2] = {NULL, NULL};
    const char *out = session_option(session, "out"), *pid_file = session_option(session, "signal");
    for (size_t i = 0; i < pair->count; i++)
        issuers[i] = pki_authority_issuer(pair->authorities[i])->certificate;
    if (pki_crl_replace(out, pem, issuers, pair->count, clock_now_ms(), &fault) != TC_OK)
        return pki_fail(session, &fault);
    if (pid_file != NULL && signal_broker(pid_file, &fault) != TC_OK)
        return pki_fail(session, &fault);
    int code = EXIT_HEALTHY;
    for (size_t i = 0; code == EXIT_HEALTHY && session_has(session, "probe") && i < pair->count; i++)
        code = pki_probe(session, &pair->canaries[i]);
    return code;
}

/* Makes the list of one authority. With --probe it revokes a canary, by which the broker shows that it uses this list.
 */
static enum tc_error make_list(const struct session *session, struct pair *pair, size_t which, int64_t valid_for_ms,
                               struct buffer *pem, struct tc_fault *fault)
{
    enum pki_kind canary = pair->kind == PKI_DEVICES ? PKI_DEVICE : PKI_OPERATOR;
    struct pki_authority *authority = pair->authorities[which];
    int64_t now_ms = clock_now_ms();
    enum tc_error error = TC_OK;
    if (session_has(session, "probe"))
        error = pki_canaries_make(authority, canary, now_ms, &pair->canaries[which], fault);
    if (error == TC_OK)
        error = pki_authority_make_crl(authority, now_ms - PKI_BACKDATE_MS, now_ms + valid_for_ms, pem, fault);
    return error;
}

static void show_list(const struct session *session, const char *name, const struct pki_crl *facts)
{
    char end[TC_TIME_TEXT_SIZE];
    clock_format(facts->next_update_ms, end);
    session_say(session, "%s: revocation list %" PRIu64 ", %zu revoked, valid until %s", name, facts->number,
                facts->count, end);
}

static int make_lists(const struct session *session, enum pki_authority_kind kind)
{
    int code = EXIT_HEALTHY;
    int64_t valid_for_ms;
    struct tc_fault fault;
    struct pair pair;
    struct buffer pem = {0};
    struct pki_crl facts;
    if (!pki_duration(session, "valid-for", &valid_for_ms, &code) || !open_pair(session, kind, &pair, &code))
        return code;
    bool may = may_replace(session, &pair, &code);
    for (size_t i = 0; may && code == EXIT_HEALTHY && i < pair.count; i++) {
        const X509 *issuer = pki_authority_issuer(pair.authorities[i])->certificate;
        if (make_list(session, &pair, i, valid_for_ms, &pem, &fault) != TC_OK ||
            pki_crl_check(pem.bytes, pem.length, issuer, clock_now_ms(), &facts, &fault) != TC_OK)
            code = pki_fail(session, &fault);
        else
            show_list(session, i == 0 ? pki_authority_name(kind) : "the authority before", &facts);
    }
    if (code == EXIT_HEALTHY && session_option(session, "out") != NULL)
        code = deliver(session, &pair, &pem);
    buffer_free(&pem);
    close_pair(&pair);
    return code;
}

/* Checks one list; `path` is the broker's file or the authority's own. */
static int check_list(const struct session *session, const char *folder, const char *path, int64_t warn_before_ms)
{
    char certificate_path[PATH_MAX], end[TC_TIME_TEXT_SIZE];
    struct tc_fault fault;
    struct pki_crl facts;
    X509 *certificate;
    (void)snprintf(certificate_path, sizeof certificate_path, "%s/cert.pem", folder);
    if (pki_certificate_open(certificate_path, &certificate, &fault) != TC_OK)
        return pki_fail(session, &fault);
    int64_t now_ms = clock_now_ms();
    enum tc_error error = pki_crl_check_file(path, certificate, now_ms, &facts, &fault);
    pki_certificate_free(certificate);
    if (error != TC_OK)
        return pki_fail(session, &fault);
    clock_format(facts.next_update_ms, end);
    if (facts.next_update_ms - now_ms < warn_before_ms)
        return session_fail(
            session, EXIT_ERROR,
            "%s: the revocation list expires at %s, and then nobody gets in; make the next one: tellercast "
            "pki crl %s",
            path, end, session_argument(session, 0));
    show_list(session, path, &facts);
    return EXIT_HEALTHY;
}

/* Checks the list of the authority, and during a rollover that of the one before. */
static int check_lists(const struct session *session, enum pki_authority_kind kind)
{
    int code;
    int64_t warn_before_ms;
    char folders[2][PATH_MAX], path[PATH_MAX];
    const char *out = session_option(session, "out");
    if (!pki_duration(session, "warn-before", &warn_before_ms, &code) || !pki_folder(session, kind, folders[0], &code))
        return code;
    size_t count = pki_authority_has_previous(folders[0]) ? 2 : 1;
    (void)snprintf(folders[1], PATH_MAX, "%.*s/previous", PATH_MAX - 16, folders[0]);
    code = EXIT_HEALTHY;
    for (size_t i = 0; code == EXIT_HEALTHY && i < count; i++) {
        (void)snprintf(path, sizeof path, "%.*s/crl.pem", PATH_MAX - 16, folders[i]);
        code = check_list(session, folders[i], out == NULL ? path : out, warn_before_ms);
    }
    return code;
}

static int run_for(const struct session *session, enum pki_authority_kind kind)
{
    return session_has(session, "check") ? check_lists(session, kind) : make_lists(session, kind);
}

/* Without --authority: those whose folders are here. */
static int run_for_all(const struct session *session)
{
    int code = EXIT_HEALTHY;
    size_t found = 0;
    for (unsigned i = PKI_OPERATIONS; i < PKI_AUTHORITY_COUNT; i++) {
        char folder[PATH_MAX];
        int own = EXIT_HEALTHY;
        if (!pki_folder(session, (enum pki_authority_kind)i, folder, &own))
            return own;
        if (access(folder, F_OK) != 0)
            continue;
        found++;
        own = run_for(session, (enum pki_authority_kind)i);
        code = code == EXIT_HEALTHY ? own : code;
    }
    if (found == 0)
        return session_fail(session, EXIT_ERROR, "%s: has neither operations/ nor devices/",
                            session_argument(session, 0));
    return code;
}

int run_pki_crl(struct session *session)
{
    int code;
    enum pki_authority_kind kind = PKI_ROOT;
    if (!pki_authority_option(session, &kind, &code))
        return code;
    bool has_out = session_option(session, "out") != NULL;
    if (has_out && kind == PKI_ROOT)
        return session_fail_usage(session, "--out needs --authority: a broker has a list for each listener");
    if (!has_out && (session_has(session, "signal") || session_has(session, "probe")))
        return session_fail_usage(session, "--signal and --probe need --out");
    if (session_has(session, "overwrite") && (!has_out || session_has(session, "check")))
        return session_fail_usage(session, "--overwrite needs --out, and is not for --check");
    return kind == PKI_ROOT ? run_for_all(session) : run_for(session, kind);
}
