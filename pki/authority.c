#include "pki/authority.h"

#include "base/file.h"
#include "pki/authority_folder.h"
#include "pki/serial.h"
#include "pki/signing.h"

#include <inttypes.h>
#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pki_authority {
    char folder[PATH_MAX];
    int lock;
    struct pki_issuer issuer;
    struct pki_index index;
};

static enum tc_error read_all(struct pki_authority *authority, struct tc_fault *fault)
{
    char certificate[PATH_MAX], key[PATH_MAX], index[PATH_MAX];
    const char *folder = authority->folder;
    enum tc_error error = folder_path(folder, "cert.pem", certificate, fault);
    if (error == TC_OK)
        error = folder_path(folder, "key.pem", key, fault);
    if (error == TC_OK)
        error = folder_path(folder, "index.txt", index, fault);
    if (error == TC_OK)
        error = pki_issuer_open(certificate, key, &authority->issuer, fault);
    return error == TC_OK ? pki_index_read(index, &authority->index, fault) : error;
}

enum tc_error pki_authority_open(const char *folder, struct pki_authority **authority, struct tc_fault *fault)
{
    struct pki_authority *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    *authority = NULL;
    struct tc_fault own;
    int length = snprintf(opened->folder, sizeof opened->folder, "%s", folder);
    opened->lock = folder_lock(folder, &own);
    enum tc_error error = opened->lock < 0 ? own.code : TC_OK;
    if (length < 0 || (size_t)length >= sizeof opened->folder)
        error = tc_fault_set(&own, TC_INVALID, "the path of the authority's folder is too long");
    if (error == TC_OK)
        error = read_all(opened, &own);
    if (error == TC_OK) {
        *authority = opened;
        return TC_OK;
    }
    pki_authority_close(opened);
    return tc_fault_set(fault, own.code, "%s", own.text);
}

void pki_authority_close(struct pki_authority *authority)
{
    if (authority == NULL)
        return;
    pki_issuer_close(&authority->issuer);
    pki_index_free(&authority->index);
    if (authority->lock >= 0)
        (void)close(authority->lock);
    free(authority);
}

const struct pki_issuer *pki_authority_issuer(const struct pki_authority *authority)
{
    return &authority->issuer;
}

const struct pki_index *pki_authority_index(const struct pki_authority *authority)
{
    return &authority->index;
}

static enum tc_error write_index(struct pki_authority *authority, struct tc_fault *fault)
{
    char path[PATH_MAX];
    enum tc_error error = folder_path(authority->folder, "index.txt", path, fault);
    return error == TC_OK ? pki_index_write(path, &authority->index, fault) : error;
}

static enum tc_error record(struct pki_authority *authority, const X509 *certificate, struct tc_fault *fault)
{
    struct pki_certificate facts;
    struct pki_index_entry entry = {0};
    enum tc_error error = pki_certificate_describe(certificate, &facts, fault);
    if (error != TC_OK)
        return error;
    (void)snprintf(entry.serial, sizeof entry.serial, "%s", facts.serial);
    (void)snprintf(entry.subject, sizeof entry.subject, "/OU=%s/CN=%s", pki_kind_name(facts.identity.kind),
                   facts.identity.id);
    entry.not_after_ms = facts.not_after_ms;
    pki_index_add(&authority->index, &entry);
    return write_index(authority, fault);
}

enum tc_error pki_authority_issue(struct pki_authority *authority, const struct pki_order *order, X509 **certificate,
                                  struct tc_fault *fault)
{
    enum tc_error error = pki_issue(&authority->issuer, order, certificate, fault);
    if (error == TC_OK)
        error = record(authority, *certificate, fault);
    if (error != TC_OK) {
        pki_certificate_free(*certificate);
        *certificate = NULL;
    }
    return error;
}

/* Adds a certificate that another program issued. */
static enum tc_error add_foreign(struct pki_authority *authority, const char *serial, struct tc_fault *fault)
{
    struct pki_index_entry entry = {.subject = "/CN=unknown"};
    ASN1_INTEGER *number = serial_parse(serial);
    bool read = number != NULL && serial_format(number, entry.serial);
    ASN1_INTEGER_free(number);
    if (!read)
        return tc_fault_set(fault, TC_INVALID, "found the serial number \"%.80s\", allowed: 1 to %d hexadecimal digits",
                            serial, PKI_SERIAL_SIZE - 1);
    if (!signing_read_time(X509_get0_notAfter(authority->issuer.certificate), &entry.not_after_ms))
        return tc_fault_set(fault, TC_INVALID, "the end of the authority's certificate is malformed");
    pki_index_add(&authority->index, &entry);
    return TC_OK;
}

enum tc_error pki_authority_revoke(struct pki_authority *authority, const struct pki_revocation *revocation,
                                   struct tc_fault *fault)
{
    struct pki_index_entry *entry = pki_index_find(&authority->index, revocation->serial);
    if (entry == NULL) {
        enum tc_error error = add_foreign(authority, revocation->serial, fault);
        if (error != TC_OK)
            return error;
        entry = &authority->index.entries[authority->index.count - 1];
    }
    if (entry->revoked)
        return tc_fault_set(fault, TC_CONFLICT, "certificate %s is revoked already, for %s", entry->serial,
                            pki_reason_name(entry->reason));
    entry->revoked = true;
    entry->revoked_at_ms = revocation->revoked_at_ms;
    entry->reason = revocation->reason;
    return write_index(authority, fault);
}

/* Returns the number of the next list: that of the file, or more when the last list has it already. */
static uint64_t next_number(const char *path, const struct pki_crl *last)
{
    enum { NUMBER_FILE_MAX = 64, HEXADECIMAL = 16 };
    struct buffer text = {0};
    struct tc_fault ignored;
    uint64_t number = 1;
    if (file_read(path, NUMBER_FILE_MAX, &text, &ignored) == TC_OK)
        number = strtoull(buffer_text(&text), NULL, HEXADECIMAL);
    buffer_free(&text);
    return number <= last->number ? last->number + 1 : number;
}

static enum tc_error write_number(const char *path, uint64_t number, struct tc_fault *fault)
{
    enum { MODE = 0600 };
    char text[32];
    int length = snprintf(text, sizeof text, "%04" PRIX64 "\n", number);
    return file_replace(path, text, (size_t)length, MODE, fault);
}

static struct pki_revocation *collect(const struct pki_index *index, const struct pki_crl *last, size_t *count)
{
    struct pki_revocation *found = calloc(index->count + 1, sizeof *found);
    TC_CHECK(found != NULL);
    *count = 0;
    for (size_t i = 0; i < index->count; i++) {
        const struct pki_index_entry *entry = &index->entries[i];
        if (!entry->revoked || entry->not_after_ms < last->this_update_ms)
            continue;
        struct pki_revocation *one = &found[(*count)++];
        memcpy(one->serial, entry->serial, sizeof one->serial);
        one->revoked_at_ms = entry->revoked_at_ms;
        one->reason = entry->reason;
    }
    return found;
}

enum tc_error pki_authority_make_crl(struct pki_authority *authority, int64_t now_ms, int64_t next_update_ms,
                                     struct buffer *pem, struct tc_fault *fault)
{
    enum { LIST_MODE = 0644 };
    char list[PATH_MAX], number[PATH_MAX];
    struct pki_crl last = {0};
    struct tc_fault ignored;
    enum tc_error error = folder_path(authority->folder, "crl.pem", list, fault);
    if (error == TC_OK)
        error = folder_path(authority->folder, "crlnumber", number, fault);
    if (error != TC_OK)
        return error;
    (void)pki_crl_check_file(list, authority->issuer.certificate, now_ms, &last, &ignored);
    struct pki_crl_order order = {
        .number = next_number(number, &last), .this_update_ms = now_ms, .next_update_ms = next_update_ms};
    struct pki_revocation *revocations = collect(&authority->index, &last, &order.count);
    struct buffer own = {0};
    order.revocations = revocations;
    error = pki_crl_make(&authority->issuer, &order, &own, fault);
    if (error == TC_OK)
        error = write_number(number, order.number + 1, fault);
    if (error == TC_OK)
        error = file_replace(list, own.bytes, own.length, LIST_MODE, fault);
    if (error == TC_OK)
        buffer_put(pem, own.bytes, own.length);
    buffer_free(&own);
    free(revocations);
    return error;
}
