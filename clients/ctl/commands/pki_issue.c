/* Issues and renews certificates. */
#include "base/file.h"
#include "clients/ctl/commands/pki.h"
#include "clients/ctl/commands/run.h"
#include "pki/key.h"
#include "pki/replaceable.h"
#include "pki/request.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CERTIFICATE_MODE = 0644 };

/* The order of a certificate as the command line gives it. */
struct command_order {
    struct pki_order order;
    const char *dns[OPTIONS_GIVEN_MAX], *addresses[OPTIONS_GIVEN_MAX];
    EVP_PKEY *key; /* owned */
};

static void take_names(const struct session *session, struct command_order *order)
{
    const struct invocation *invocation = session->invocation;
    for (size_t i = 0; i < invocation->given_count; i++) {
        const struct option_given *given = &invocation->given[i];
        if (strcmp(given->option->name, "dns") == 0)
            order->dns[order->order.dns_count++] = given->value;
        else if (strcmp(given->option->name, "ip") == 0)
            order->addresses[order->order.address_count++] = given->value;
    }
    order->order.dns = order->dns;
    order->order.addresses = order->addresses;
}

static bool take_identity(const struct session *session, struct pki_identity *identity, int *code)
{
    const char *kind = session_option(session, "kind"), *id = session_option(session, "id");
    if (!pki_kind_read(kind, &identity->kind))
        *code = session_fail_usage(session, "--kind: found \"%.32s\", allowed: device, orchestrator, operator, server",
                                   kind);
    else if (!id_is_valid(id, strlen(id)))
        *code =
            session_fail_usage(session, "--id: found \"%.80s\", allowed: 1 to %d of A-Z a-z 0-9 _ -", id, TC_ID_MAX);
    else {
        (void)snprintf(identity->id, sizeof identity->id, "%s", id);
        return true;
    }
    return false;
}

/* Takes the key of the request --csr, whose identity must be the expected one. */
static bool take_request(const struct session *session, struct command_order *order, int *code)
{
    const char *path = session_option(session, "csr");
    struct buffer text = {0};
    struct pki_request request;
    struct tc_fault fault;
    if (!session_read_file(session, path, PKI_REQUEST_MAX, &text, code))
        return false;
    enum tc_error error = pki_request_read(buffer_text(&text), text.length, &request, &fault);
    buffer_free(&text);
    if (error != TC_OK) {
        *code = session_fail(session, EXIT_INVALID, "%s: %s", path, fault.text);
        return false;
    }
    const struct pki_identity *wanted = &order->order.identity;
    if (!pki_identity_equals(&request.identity, wanted)) {
        *code = session_fail(session, EXIT_INVALID, "%s: found OU=%s, CN=%s, expected OU=%s, CN=%s", path,
                             pki_kind_name(request.identity.kind), request.identity.id, pki_kind_name(wanted->kind),
                             wanted->id);
        pki_request_free(&request);
        return false;
    }
    order->order.key = order->key = request.key;
    return true;
}

/* Writes the certificate and that of its authority, so that a bank's own clients can build the chain to its root. */
static bool write_certificate(const struct session *session, const struct pki_authority *authority,
                              const X509 *certificate, const char *path, int *code)
{
    struct tc_fault fault;
    struct buffer pem = {0};
    pki_certificate_put(certificate, &pem);
    pki_certificate_put(pki_authority_issuer(authority)->certificate, &pem);
    enum tc_error error = file_replace(path, pem.bytes, pem.length, CERTIFICATE_MODE, &fault);
    buffer_free(&pem);
    if (error != TC_OK)
        *code = pki_fail(session, &fault);
    return error == TC_OK;
}

/* Issues what was ordered and writes it to `path`, and a new key to `key_path` first; NULL: the key is known. */
static int issue(const struct session *session, struct pki_authority *authority, const struct pki_order *order,
                 const char *key_path, const char *path)
{
    int code;
    struct tc_fault fault;
    X509 *certificate;
    if (pki_authority_issue(authority, order, &certificate, &fault) != TC_OK)
        return pki_fail(session, &fault);
    if (key_path != NULL && pki_key_save(order->key, key_path, &fault) != TC_OK)
        code = pki_fail(session, &fault);
    else if (write_certificate(session, authority, certificate, path, &code))
        code = pki_show_issued(session, certificate, path);
    pki_certificate_free(certificate);
    return code;
}

/* The files that `pki issue` makes. */
struct issued_files {
    char key[PATH_MAX], certificate[PATH_MAX];
};

/* Makes the folder and returns whether both files are new. */
static bool prepare_files(const struct session *session, const char *folder, struct issued_files *files, int *code)
{
    enum { FOLDER_MODE = 0755 };
    struct tc_fault fault;
    (void)snprintf(files->key, sizeof files->key, "%s/key.pem", folder);
    (void)snprintf(files->certificate, sizeof files->certificate, "%s/cert.pem", folder);
    const char *there = access(files->certificate, F_OK) == 0 ? files->certificate : NULL;
    if (there == NULL && session_option(session, "csr") == NULL && access(files->key, F_OK) == 0)
        there = files->key;
    if (there != NULL) {
        *code = session_fail(session, EXIT_ERROR,
                             "%s: exists already; for a new certificate of the same key: tellercast pki renew", there);
        return false;
    }
    if (file_make_folders(folder, FOLDER_MODE, &fault) == TC_OK)
        return true;
    *code = pki_fail(session, &fault);
    return false;
}

static bool take_key(const struct session *session, struct command_order *order, int *code)
{
    struct tc_fault fault;
    if (session_option(session, "csr") != NULL)
        return take_request(session, order, code);
    if (pki_key_make(&order->key, &fault) != TC_OK) {
        *code = pki_fail(session, &fault);
        return false;
    }
    order->order.key = order->key;
    return true;
}

int run_pki_issue(struct session *session)
{
    int code;
    struct issued_files files;
    struct command_order order = {0};
    const char *out = session_option(session, "out");
    if (!take_identity(session, &order.order.identity, &code) ||
        !pki_valid_for(session, "valid-for", &order.order.validity, &code) ||
        !prepare_files(session, out, &files, &code))
        return code;
    take_names(session, &order);
    struct pki_authority *authority = pki_open(session, pki_authority_of(order.order.identity.kind), &code);
    if (authority == NULL)
        return code;
    if (take_key(session, &order, &code))
        code = issue(session, authority, &order.order, session_option(session, "csr") == NULL ? files.key : NULL,
                     files.certificate);
    pki_key_free(order.key);
    pki_authority_close(authority);
    return code;
}

/* Finds out whether the certificate may be renewed by the authority. */
static bool may_renew(const struct session *session, const struct pki_authority *authority, const X509 *certificate,
                      const struct pki_certificate *facts, int *code)
{
    const char *path = session_argument(session, 1);
    const struct pki_index_entry *entry = pki_index_find(pki_authority_index(authority), facts->serial);
    if (entry != NULL && entry->revoked)
        *code = session_fail(session, EXIT_ERROR, "%s: certificate %s is revoked, for %s; issue another one", path,
                             facts->serial, pki_reason_name(entry->reason));
    else if (!pki_certificate_is_issued_by(certificate, pki_authority_issuer(authority)->certificate))
        *code = session_fail(session, EXIT_ERROR, "%s: another authority issued it", path);
    else
        return true;
    return false;
}

static bool may_be_renewed(const struct session *session, enum pki_authority_kind kind,
                           const struct pki_authority *authority, const X509 *certificate,
                           const struct pki_certificate *facts, int *code)
{
    struct pki_authority *previous;
    if (!pki_open_previous(session, kind, &previous, code))
        return false;
    const struct pki_authority *by = authority;
    if (previous != NULL && pki_certificate_is_issued_by(certificate, pki_authority_issuer(previous)->certificate))
        by = previous;
    bool may = may_renew(session, by, certificate, facts, code);
    pki_authority_close(previous);
    return may;
}

/* Whether the new certificate may be written to `path`. */
static bool may_replace(const struct session *session, const char *path, const struct pki_identity *identity, int *code)
{
    struct tc_fault fault;
    if ((session_has(session, "overwrite") && file_check_replaceable(path, NULL) == TC_OK) ||
        pki_check_replaced_certificate(path, identity, &fault) == TC_OK)
        return true;
    *code = pki_fail_to_replace(session, &fault);
    return false;
}

static int renew(struct session *session, const X509 *certificate, const struct pki_certificate *facts)
{
    int code;
    struct command_order order = {.order = {.identity = facts->identity, .names_of = certificate}};
    const char *out = session_option(session, "out");
    if (out == NULL)
        out = session_argument(session, 1);
    enum pki_authority_kind kind = pki_authority_of(facts->identity.kind);
    if (!pki_valid_for(session, "valid-for", &order.order.validity, &code) ||
        !may_replace(session, out, &facts->identity, &code))
        return code;
    order.order.key = pki_certificate_key(certificate);
    if (session_option(session, "csr") != NULL && !take_request(session, &order, &code))
        return code;
    struct pki_authority *authority = pki_open(session, kind, &code);
    if (authority != NULL && may_be_renewed(session, kind, authority, certificate, facts, &code))
        code = issue(session, authority, &order.order, NULL, out);
    pki_key_free(order.key);
    pki_authority_close(authority);
    return code;
}

int run_pki_renew(struct session *session)
{
    const char *path = session_argument(session, 1);
    struct tc_fault fault;
    struct pki_certificate facts;
    X509 *certificate;
    if (pki_certificate_open(path, &certificate, &fault) != TC_OK)
        return pki_fail(session, &fault);
    int code = pki_certificate_describe(certificate, &facts, &fault) == TC_OK
                   ? renew(session, certificate, &facts)
                   : session_fail(session, EXIT_ERROR, "%s: %s", path, fault.text);
    pki_certificate_free(certificate);
    return code;
}
