/* Shared by the tests of documents: in a text, '^' marks the place of an expected fault. */
#ifndef TELLERCAST_TESTS_UNIT_DOCUMENT_CHECK_H
#define TELLERCAST_TESTS_UNIT_DOCUMENT_CHECK_H

#include "base/buffer.h"
#include "config/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct marked_text {
    struct buffer text;
    unsigned line, column; /* of the mark; 0 when there is none */
};

static inline struct marked_text marked_text(const char *marked)
{
    struct marked_text result = {.line = 0};
    unsigned line = 1, column = 1;
    for (; *marked != '\0'; marked++) {
        if (*marked == '^') {
            result.line = line;
            result.column = column;
            continue;
        }
        buffer_put(&result.text, marked, 1);
        column = *marked == '\n' ? 1 : column + 1;
        line += *marked == '\n' ? 1 : 0;
    }
    return result;
}

/* Expects exactly one fault, at the mark, with this path, and with this text in its detail. */
static inline void assert_one_fault(const struct document_faults *faults, const struct marked_text *marked,
                                    const char *path, const char *detail)
{
    struct buffer all = {0};
    document_faults_print(faults, "found", &all);
    const struct document_fault *fault = faults->items;
    int right = faults->total == 1 && fault->line == marked->line && fault->column == marked->column &&
                strcmp(fault->path, path) == 0 && strstr(fault->detail, detail) != NULL;
    if (!right)
        print_error("of this document:\n%s\nexpected: %u:%u: %s: … %s …\n%s", buffer_text(&marked->text), marked->line,
                    marked->column, path, detail, buffer_text(&all));
    buffer_free(&all);
    assert_true(right);
}

#endif
