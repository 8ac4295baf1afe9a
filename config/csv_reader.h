/* Rows of CSV (RFC 4180) as office programs write it, with the places of their fields. One owner, one thread.
 *
 * UTF-8, with a byte order mark or without. Lines end in LF, CRLF or CR. Fields are separated by what stands between
 * the first line's (',', ';' or a tab), or by what a line "sep=;" before it says. Rows whose fields are all blank are
 * no rows. Blanks, also non-breaking ones, around a field without quotes do not belong to it. */
#ifndef TELLERCAST_CONFIG_CSV_READER_H
#define TELLERCAST_CONFIG_CSV_READER_H

#include "base/buffer.h"
#include "config/document.h"

#include <stdbool.h>
#include <stddef.h>

#define CSV_FIELDS_MAX 32
#define CSV_ROW_MAX ((size_t)1 << 20) /* bytes of a row's fields */

struct csv_field {
    const char *text; /* with a NUL; good until the next row is read */
    unsigned line, column;
};

struct csv_reader {
    const char *at, *end;
    unsigned line, column;
    char separator;
    struct buffer texts; /* of the row */
    struct document_faults *faults;
};

struct csv_row {
    struct csv_field fields[CSV_FIELDS_MAX];
    size_t count; /* of all its fields, also of those beyond CSV_FIELDS_MAX */
    unsigned line;
    bool faulty; /* it has a fault already */
};

/* Reads from memory that the caller keeps. UTF-16 is a fault, and then there are no rows. */
void csv_reader_open(struct csv_reader *reader, const char *bytes, size_t length, struct document_faults *faults);
void csv_reader_close(struct csv_reader *reader);

/* False at the end, which is also behind a byte that is not UTF-8, a NUL, or a row of more than CSV_ROW_MAX. */
bool csv_reader_next(struct csv_reader *reader, struct csv_row *row);

#endif
