/* Founds the authorities of an installation, and replaces one of them. */
#include "base/file.h"
#include "clients/ctl/commands/pki.h"
#include "clients/ctl/commands/run.h"

/* Writes the first revocation list, which a broker needs at its start. */
static int make_first_list(struct session *session, enum pki_authority_kind kind, const struct pki_validity *validity)
{
    int code = EXIT_HEALTHY;
    struct tc_fault fault;
    struct buffer pem = {0};
    struct pki_authority *authority = pki_open(session, kind, &code);
    if (authority == NULL)
        return code;
    if (pki_authority_make_crl(authority, validity->not_before_ms, validity->not_after_ms, &pem, &fault) != TC_OK)
        code = pki_fail(session, &fault);
    buffer_free(&pem);
    pki_authority_close(authority);
    return code;
}

int run_pki_init(struct session *session)
{
    int code;
    struct tc_fault fault;
    struct pki_validity root, others, list;
    const char *folder = session_argument(session, 0), *name = session_option(session, "name");
    if (!pki_valid_for(session, "root-valid-for", &root, &code) ||
        !pki_valid_for(session, "valid-for", &others, &code) || !pki_valid_for(session, "crl-valid-for", &list, &code))
        return code;
    if (pki_found(folder, name, &root, &others, &fault) != TC_OK)
        return pki_fail(session, &fault);
    code = make_first_list(session, PKI_OPERATIONS, &list);
    if (code == EXIT_HEALTHY)
        code = make_first_list(session, PKI_DEVICES, &list);
    if (code == EXIT_HEALTHY)
        session_say(session,
                    "%s: authorities created; keep root/ and operations/ offline: only devices/ is for the daemon",
                    folder);
    return code;
}

static int start_rollover(const struct session *session, enum pki_authority_kind kind, const char *folder)
{
    int code;
    struct tc_fault fault;
    struct pki_validity validity;
    if (!pki_valid_for(session, "valid-for", &validity, &code))
        return code;
    struct pki_authority *root = pki_open(session, PKI_ROOT, &code);
    if (root == NULL)
        return code;
    enum tc_error error = pki_authority_roll_over(folder, pki_authority_issuer(root), &validity, &fault);
    pki_authority_close(root);
    if (error != TC_OK)
        return pki_fail(session, &fault);
    session_say(session,
                "%s: new authority; trust.pem has the old and the new one. Next: tellercast pki crl %s --authority %s",
                folder, session_argument(session, 0), pki_authority_name(kind));
    return EXIT_HEALTHY;
}

int run_pki_rollover(struct session *session)
{
    int code;
    char folder[PATH_MAX];
    struct tc_fault fault;
    enum pki_authority_kind kind;
    const char *name = session_argument(session, 1);
    if (!pki_authority_read(name, &kind) || kind == PKI_ROOT)
        return session_fail_usage(session, "found \"%.32s\", allowed: operations, devices", name);
    if (!pki_folder(session, kind, folder, &code))
        return code;
    if (!session_has(session, "finish"))
        return start_rollover(session, kind, folder);
    if (session_has(session, "valid-for"))
        return session_fail_usage(session, "--valid-for: not with --finish, which makes no authority");
    if (pki_authority_end_rollover(folder, &fault) != TC_OK)
        return pki_fail(session, &fault);
    session_say(session, "%s: the old authority is no longer in trust.pem", folder);
    return EXIT_HEALTHY;
}
