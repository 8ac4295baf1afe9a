/* Reads rows of CSV (RFC 4180) as office programs write it, with the position of each field. One owner, one thread.
 *
 * The encoding is UTF-8, with or without a byte order mark. Lines end in LF, CRLF or CR. The separator is the one
 * between the fields of the first line (',', ';' or a tab), unless a line such as "sep=;" before it names another. Rows
 * with blank fields only are skipped. Blanks around a field without quotes, also non-breaking ones, are removed. */
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
    struct buffer texts; /* of the fields of the present row */
    struct document_faults *faults;
};

struct csv_row {
    struct csv_field fields[CSV_FIELDS_MAX];
    size_t count; /* of all fields of the row, also of those beyond CSV_FIELDS_MAX */
    unsigned line;
    bool faulty; /* a fault was added for this row */
};

/* Reads from memory, which must outlive the reader. UTF-16 is a fault: then there are no rows. */
void csv_reader_open(struct csv_reader *reader, const char *bytes, size_t length, struct document_faults *faults);
void csv_reader_close(struct csv_reader *reader);

/* Reads the next row. Returns false at the end, and at a byte that is not UTF-8, a NUL, or a row over CSV_ROW_MAX. */
bool csv_reader_next(struct csv_reader *reader, struct csv_row *row);

#endif
