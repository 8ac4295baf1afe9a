/* Faults of a YAML 1.1 or JSON document, each with its line and column. The readers of plans, settings and fleet files
 * share them.
 *
 * Duplicate keys, anchors, aliases, tags, second documents and nesting deeper than 32 are faults. */
#ifndef TELLERCAST_CONFIG_DOCUMENT_H
#define TELLERCAST_CONFIG_DOCUMENT_H

#include "base/buffer.h"
#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One fault and its place. Lines and columns count from 1; 0: the fault has no place. */
struct document_fault {
    unsigned line, column;
    char path[128];   /* "spec.schedule.windows[0].days" */
    char detail[256]; /* found and allowed values */
};

#define DOCUMENT_FAULTS_MAX 200 /* further faults are counted, but not kept */

/* Zeroed before its first use. */
struct document_faults {
    struct document_fault *items; /* owned */
    size_t count;                 /* kept */
    size_t total;                 /* found */
};

void document_fault_add(struct document_faults *faults, unsigned line, unsigned column, const char *path,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Sorts the faults by line and column. */
void document_faults_sort(struct document_faults *faults);
void document_faults_free(struct document_faults *faults);
/* Appends one line for each fault: "plan.yaml:12:7: spec.rate.perMinute: found "x", allowed: 1 to 1000000". */
void document_faults_print(const struct document_faults *faults, const char *name, struct buffer *out);
/* The array [{"line":12,"column":7,"path":"…","detail":"…"}, …]; a new reference. */
json_t *document_faults_json(const struct document_faults *faults);

#endif
