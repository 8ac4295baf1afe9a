/* A YAML 1.1 or JSON document read into a tree that knows its lines and columns, and the list of all
 * that is wrong with it. What reads a plan, a settings file or a fleet file starts here.
 *
 * Duplicate keys, anchors, aliases, tags, second documents and nesting deeper than 32 are faults. */
#ifndef TELLERCAST_CONFIG_DOCUMENT_H
#define TELLERCAST_CONFIG_DOCUMENT_H

#include "base/buffer.h"
#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One thing that is wrong, and where. Lines and columns count from 1; 0 when there is no place. */
struct document_fault {
    unsigned line, column;
    char path[128];   /* "spec.schedule.windows[0].days" */
    char detail[256]; /* what was found and what is allowed */
};

#define DOCUMENT_FAULTS_MAX 200 /* more are counted, not kept */

/* Starts as all zeros. */
struct document_faults {
    struct document_fault *items; /* owned */
    size_t count;                 /* kept */
    size_t total;                 /* found */
};

void document_fault_add(struct document_faults *faults, unsigned line, unsigned column, const char *path,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Puts them in the order of the source. */
void document_faults_sort(struct document_faults *faults);
void document_faults_free(struct document_faults *faults);
/* One line a fault, "plan.yaml:12:7: spec.rate.perMinute: found "x", allowed: 1 to 1000000". */
void document_faults_print(const struct document_faults *faults, const char *name, struct buffer *out);
/* The array [{"line":12,"column":7,"path":"…","detail":"…"}, …]; a new reference. */
json_t *document_faults_json(const struct document_faults *faults);

#endif
