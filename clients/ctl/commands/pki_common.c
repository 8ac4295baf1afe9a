#include "clients/ctl/commands/pki.h"

#include "base/clock.h"
#include "config/scalar.h"

#include <stdio.h>
#include <sys/stat.h>

int pki_fail(const struct session *session, const struct tc_fault *fault)
{
    return session_fail(session, EXIT_ERROR, "%s", fault->text);
}

int pki_fail_to_replace(const struct session *session, const struct tc_fault *fault)
{
    return session_fail(session, EXIT_ERROR, "%s; nothing was done: name another file%s", fault->text,
                        session_has(session, "overwrite") ? "" : ", or add --overwrite");
}

bool pki_duration(const struct session *session, const char *option, int64_t *duration_ms, int *code)
{
    const char *text = session_option(session, option);
    if (scalar_read_duration(text, duration_ms) && *duration_ms > 0)
        return true;
    *code =
        session_fail_usage(session, "--%s: found \"%.32s\", allowed: a duration such as 90s, 12h or 30d", option, text);
    return false;
}

bool pki_valid_for(const struct session *session, const char *option, struct pki_validity *validity, int *code)
{
    int64_t duration_ms, now_ms = clock_now_ms();
    if (!pki_duration(session, option, &duration_ms, code))
        return false;
    *validity = (struct pki_validity){now_ms - PKI_BACKDATE_MS, now_ms + duration_ms};
    return true;
}

static bool join(const struct session *session, const char *folder, const char *name, char path[static PATH_MAX],
                 int *code)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    if (length >= 0 && length < PATH_MAX)
        return true;
    *code = session_fail(session, EXIT_ERROR, "%s: the path is too long", folder);
    return false;
}

bool pki_folder(const struct session *session, enum pki_authority_kind kind, char path[static PATH_MAX], int *code)
{
    return join(session, session_argument(session, 0), pki_authority_name(kind), path, code);
}

bool pki_authority_option(const struct session *session, enum pki_authority_kind *kind, int *code)
{
    const char *name = session_option(session, "authority");
    if (name == NULL || (pki_authority_read(name, kind) && *kind != PKI_ROOT))
        return true;
    *code = session_fail_usage(session, "--authority: found \"%.32s\", allowed: operations, devices", name);
    return false;
}

static struct pki_authority *open_at(const struct session *session, const char *path, int *code)
{
    struct pki_authority *authority;
    struct tc_fault fault;
    if (pki_authority_open(path, &authority, &fault) == TC_OK)
        return authority;
    *code = pki_fail(session, &fault);
    return NULL;
}

struct pki_authority *pki_open(const struct session *session, enum pki_authority_kind kind, int *code)
{
    char path[PATH_MAX];
    return pki_folder(session, kind, path, code) ? open_at(session, path, code) : NULL;
}

bool pki_open_previous(const struct session *session, enum pki_authority_kind kind, struct pki_authority **previous,
                       int *code)
{
    char folder[PATH_MAX], path[PATH_MAX];
    *previous = NULL;
    if (!pki_folder(session, kind, folder, code))
        return false;
    if (!pki_authority_has_previous(folder))
        return true;
    if (!join(session, folder, "previous", path, code))
        return false;
    *previous = open_at(session, path, code);
    return *previous != NULL;
}

int pki_show_issued(const struct session *session, const X509 *certificate, const char *path)
{
    struct pki_certificate facts;
    struct tc_fault fault;
    char end[TC_TIME_TEXT_SIZE];
    if (pki_certificate_describe(certificate, &facts, &fault) != TC_OK)
        return pki_fail(session, &fault);
    clock_format(facts.not_after_ms, end);
    if (session->json) {
        json_t *document =
            json_pack("{s:s, s:s, s:s, s:s, s:s}", "serial", facts.serial, "kind", pki_kind_name(facts.identity.kind),
                      "id", facts.identity.id, "not_after", end, "certificate", path);
        TC_CHECK(document != NULL);
        session_put_json(session, document);
        json_decref(document);
        return EXIT_HEALTHY;
    }
    (void)printf("%s\n", facts.serial);
    session_say(session, "%s: certificate of the %s %s, valid until %s", path, pki_kind_name(facts.identity.kind),
                facts.identity.id, end);
    return EXIT_HEALTHY;
}
