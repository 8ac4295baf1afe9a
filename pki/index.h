/* The record of the certificates that an authority issued: a text file in the form of `openssl ca`. One owner, one
 * thread. */
#ifndef TELLERCAST_PKI_INDEX_H
#define TELLERCAST_PKI_INDEX_H

#include "pki/crl.h"

/* "/OU=orchestrator/CN=…" */
#define PKI_SUBJECT_SIZE 96

struct pki_index_entry {
    char serial[PKI_SERIAL_SIZE];
    char subject[PKI_SUBJECT_SIZE];
    int64_t not_after_ms;
    bool revoked;
    int64_t revoked_at_ms; /* when it is revoked */
    enum pki_reason reason;
};

struct pki_index {
    struct pki_index_entry *entries; /* in the order of issue */
    size_t count, capacity;
};

/* Reads the file; a file that does not exist is empty. TC_INVALID names the line. */
enum tc_error pki_index_read(const char *path, struct pki_index *index, struct tc_fault *fault);

/* Replaces the file, mode 0600. */
enum tc_error pki_index_write(const char *path, const struct pki_index *index, struct tc_fault *fault);

/* Adds a copy of the entry at the end. */
void pki_index_add(struct pki_index *index, const struct pki_index_entry *entry);

/* Returns the entry with this serial number, or NULL. Digits may be in either case, and may have leading zeros. */
struct pki_index_entry *pki_index_find(const struct pki_index *index, const char *serial);

/* Frees the entries; a zeroed index is allowed. */
void pki_index_free(struct pki_index *index);

#endif
