#include "pki/index.h"

#include "base/file.h"
#include "pki/serial.h"
#include "pki/signing.h"

#include <openssl/asn1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fields of a line, separated by tabs. */
enum { FIELD_STATUS, FIELD_EXPIRY, FIELD_REVOCATION, FIELD_SERIAL, FIELD_FILE, FIELD_SUBJECT, FIELD_COUNT };

enum { INDEX_FILE_MAX = 256 << 20, INDEX_FILE_MODE = 0600 };

static bool read_time(const char *text, int64_t *time_ms)
{
    ASN1_TIME *time = ASN1_TIME_new();
    TC_CHECK(time != NULL);
    bool read = *text != '\0' && ASN1_TIME_set_string(time, text) == 1 && signing_read_time(time, time_ms);
    ASN1_TIME_free(time);
    return read;
}

static void put_time(int64_t time_ms, struct buffer *out)
{
    ASN1_TIME *time = signing_time(time_ms);
    buffer_put(out, ASN1_STRING_get0_data(time), (size_t)ASN1_STRING_length(time));
    ASN1_TIME_free(time);
}

/* "261129230000Z" or "261129230000Z,keyCompromise". */
static bool read_revocation(char *text, struct pki_index_entry *entry)
{
    char *comma = strchr(text, ',');
    entry->revoked = true;
    entry->reason = PKI_REASON_UNSPECIFIED;
    if (comma != NULL)
        *comma = '\0';
    return read_time(text, &entry->revoked_at_ms) && (comma == NULL || pki_reason_read(comma + 1, &entry->reason));
}

static bool normalize_serial(const char *text, char serial[static PKI_SERIAL_SIZE])
{
    ASN1_INTEGER *number = serial_parse(text);
    bool read = number != NULL && serial_format(number, serial);
    ASN1_INTEGER_free(number);
    return read;
}

static bool read_line(char *line, struct pki_index_entry *entry)
{
    char *fields[FIELD_COUNT];
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        fields[i] = strsep(&line, "\t");
        if (fields[i] == NULL)
            return false;
    }
    *entry = (struct pki_index_entry){0};
    char status = fields[FIELD_STATUS][0];
    int length = snprintf(entry->subject, sizeof entry->subject, "%s", fields[FIELD_SUBJECT]);
    return line == NULL && strlen(fields[FIELD_STATUS]) == 1 && (status == 'V' || status == 'R' || status == 'E') &&
           read_time(fields[FIELD_EXPIRY], &entry->not_after_ms) &&
           (status != 'R' || read_revocation(fields[FIELD_REVOCATION], entry)) &&
           normalize_serial(fields[FIELD_SERIAL], entry->serial) && length >= 0 &&
           (size_t)length < sizeof entry->subject;
}

enum tc_error pki_index_read(const char *path, struct pki_index *index, struct tc_fault *fault)
{
    struct buffer text = {0};
    *index = (struct pki_index){0};
    enum tc_error error = file_read(path, INDEX_FILE_MAX, &text, fault);
    char *rest = text.bytes;
    for (size_t number = 1; error == TC_OK && rest != NULL && *rest != '\0'; number++) {
        struct pki_index_entry entry;
        char *line = strsep(&rest, "\n");
        if (read_line(line, &entry))
            pki_index_add(index, &entry);
        else
            error =
                tc_fault_set(fault, TC_INVALID, "%s:%zu: expected an entry as `openssl ca` writes it", path, number);
    }
    buffer_free(&text);
    if (error == TC_NOT_FOUND)
        return TC_OK;
    if (error != TC_OK)
        pki_index_free(index);
    return error;
}

static void put_entry(const struct pki_index_entry *entry, struct buffer *out)
{
    buffer_put_text(out, entry->revoked ? "R\t" : "V\t");
    put_time(entry->not_after_ms, out);
    buffer_put_text(out, "\t");
    if (entry->revoked) {
        put_time(entry->revoked_at_ms, out);
        if (entry->reason != PKI_REASON_UNSPECIFIED)
            buffer_format(out, ",%s", pki_reason_name(entry->reason));
    }
    buffer_format(out, "\t%s\tunknown\t%s\n", entry->serial, entry->subject);
}

enum tc_error pki_index_write(const char *path, const struct pki_index *index, struct tc_fault *fault)
{
    struct buffer text = {0};
    for (size_t i = 0; i < index->count; i++)
        put_entry(&index->entries[i], &text);
    enum tc_error error = file_replace(path, buffer_text(&text), text.length, INDEX_FILE_MODE, fault);
    buffer_free(&text);
    return error;
}

void pki_index_add(struct pki_index *index, const struct pki_index_entry *entry)
{
    enum { FIRST_CAPACITY = 64 };
    if (index->count == index->capacity) {
        index->capacity = index->capacity == 0 ? FIRST_CAPACITY : index->capacity * 2;
        index->entries = reallocarray(index->entries, index->capacity, sizeof *index->entries);
        TC_CHECK(index->entries != NULL);
    }
    index->entries[index->count++] = *entry;
}

struct pki_index_entry *pki_index_find(const struct pki_index *index, const char *serial)
{
    char normal[PKI_SERIAL_SIZE];
    if (!normalize_serial(serial, normal))
        return NULL;
    for (size_t i = 0; i < index->count; i++) {
        if (strcmp(index->entries[i].serial, normal) == 0)
            return &index->entries[i];
    }
    return NULL;
}

void pki_index_free(struct pki_index *index)
{
    free(index->entries);
    *index = (struct pki_index){0};
}
