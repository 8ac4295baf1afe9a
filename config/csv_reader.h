/* Rows of CSV (RFC 4180) with the places of their fields. UTF-8; lines end in LF or CRLF; empty lines
 * are no rows. One owner, one thread. */
#ifndef TELLERCAST_CONFIG_CSV_READER_H
#define TELLERCAST_CONFIG_CSV_READER_H

#include "base/buffer.h"
#include "config/document.h"

#include <stdbool.h>
#include <stddef.h>

#define CSV_FIELDS_MAX 32

struct csv_field {
    const char *text; /* with a NUL; good until the next row is read */
    unsigned line, column;
};

struct csv_reader {
    const char *at, *end;
    unsigned line, column;
    struct buffer texts; /* of the row */
    struct document_faults *faults;
};

struct csv_row {
    struct csv_field fields[CSV_FIELDS_MAX];
    size_t count; /* of all its fields, also of those beyond CSV_FIELDS_MAX */
    unsigned line;
    bool faulty; /* it has a fault already */
};

/* Reads from memory that the caller keeps. A byte that is not UTF-8, or NUL, is a fault, and then there
 * are no rows. */
void csv_reader_open(struct csv_reader *reader, const char *bytes, size_t length, struct document_faults *faults);
void csv_reader_close(struct csv_reader *reader);

/* False at the end. */
bool csv_reader_next(struct csv_reader *reader, struct csv_row *row);

#endif
