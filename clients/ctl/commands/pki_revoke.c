/* Records that a certificate is revoked. */
#include "base/clock.h"
#include "clients/ctl/commands/pki.h"
#include "clients/ctl/commands/run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Records it at one authority; `previous` is the one that it replaces, or NULL. */
static int revoke_at(const struct session *session, struct pki_authority *authority,
                     const struct pki_revocation *revocation)
{
    struct tc_fault fault;
    if (pki_authority_revoke(authority, revocation, &fault) != TC_OK)
        return pki_fail(session, &fault);
    session_say(session,
                "certificate %s is revoked, for %s; brokers learn it from the next list: tellercast pki crl %s",
                revocation->serial, pki_reason_name(revocation->reason), session_argument(session, 0));
    return EXIT_HEALTHY;
}

/* Revokes a certificate whose file is at hand, at the authority that issued it. */
static int revoke_certificate(const struct session *session, const X509 *certificate, struct pki_revocation *revocation)
{
    int code;
    struct tc_fault fault;
    struct pki_certificate facts;
    struct pki_authority *previous = NULL;
    if (pki_certificate_describe(certificate, &facts, &fault) != TC_OK)
        return session_fail(session, EXIT_ERROR, "%s: %s", session_argument(session, 1), fault.text);
    memcpy(revocation->serial, facts.serial, sizeof revocation->serial);
    enum pki_authority_kind kind = pki_authority_of(facts.identity.kind);
    struct pki_authority *authority = pki_open(session, kind, &code);
    if (authority == NULL)
        return code;
    if (!pki_open_previous(session, kind, &previous, &code)) {
        pki_authority_close(authority);
        return code;
    }
    if (pki_certificate_is_issued_by(certificate, pki_authority_issuer(authority)->certificate))
        code = revoke_at(session, authority, revocation);
    else if (previous != NULL && pki_certificate_is_issued_by(certificate, pki_authority_issuer(previous)->certificate))
        code = revoke_at(session, previous, revocation);
    else
        code = session_fail(session, EXIT_ERROR, "%s: another authority issued it", session_argument(session, 1));
    pki_authority_close(previous);
    pki_authority_close(authority);
    return code;
}

/* Revokes a serial number at the first of these authorities whose index has it. Sets `found`. */
static int revoke_known(const struct session *session, enum pki_authority_kind kind,
                        const struct pki_revocation *revocation, bool *found)
{
    int code = EXIT_HEALTHY;
    char folder[PATH_MAX];
    struct pki_authority *both[2] = {NULL, NULL};
    if (!pki_folder(session, kind, folder, &code) || access(folder, F_OK) != 0)
        return code;
    both[0] = pki_open(session, kind, &code);
    bool opened = both[0] != NULL && pki_open_previous(session, kind, &both[1], &code);
    for (size_t i = 0; opened && !*found && i < 2 && both[i] != NULL; i++) {
        *found = pki_index_find(pki_authority_index(both[i]), revocation->serial) != NULL;
        if (*found)
            code = revoke_at(session, both[i], revocation);
    }
    pki_authority_close(both[1]);
    pki_authority_close(both[0]);
    return code;
}

/* A serial number that no index has: the operator must say whose it is. */
static int revoke_unknown(const struct session *session, const struct pki_revocation *revocation)
{
    int code;
    enum pki_authority_kind kind = PKI_ROOT;
    if (!pki_authority_option(session, &kind, &code))
        return code;
    if (kind == PKI_ROOT)
        return session_fail(
            session, EXIT_ERROR,
            "%s: neither a file nor a serial number of an index; for a certificate that a daemon issued "
            "add --authority devices",
            session_argument(session, 1));
    struct pki_authority *authority = pki_open(session, kind, &code);
    if (authority == NULL)
        return code;
    code = revoke_at(session, authority, revocation);
    pki_authority_close(authority);
    return code;
}

static int revoke_serial(const struct session *session, const struct pki_revocation *revocation)
{
    bool found = false;
    int code = EXIT_HEALTHY;
    for (unsigned i = PKI_OPERATIONS; code == EXIT_HEALTHY && !found && i < PKI_AUTHORITY_COUNT; i++)
        code = revoke_known(session, (enum pki_authority_kind)i, revocation, &found);
    return code == EXIT_HEALTHY && !found ? revoke_unknown(session, revocation) : code;
}

int run_pki_revoke(struct session *session)
{
    int code;
    struct tc_fault fault;
    const char *certificate_path = session_argument(session, 1), *reason = session_option(session, "reason");
    struct pki_revocation revocation = {.revoked_at_ms = clock_now_ms()};
    if (!pki_reason_read(reason, &revocation.reason))
        return session_fail_usage(session,
                                  "--reason: found \"%.32s\", allowed: unspecified, keyCompromise, affiliationChanged, "
                                  "superseded, cessationOfOperation",
                                  reason);
    if (access(certificate_path, F_OK) != 0) {
        int length = snprintf(revocation.serial, sizeof revocation.serial, "%s", certificate_path);
        if (length < 0 || (size_t)length >= sizeof revocation.serial)
            return session_fail(session, EXIT_ERROR, "%s: neither a file nor a serial number", certificate_path);
        return revoke_serial(session, &revocation);
    }
    X509 *certificate;
    if (pki_certificate_open(certificate_path, &certificate, &fault) != TC_OK)
        return pki_fail(session, &fault);
    code = revoke_certificate(session, certificate, &revocation);
    pki_certificate_free(certificate);
    return code;
}
