/* Reads a JSON object field by field, strictly. The first fault sticks: later calls do nothing, so a
 * decoder reads all its fields and asks once at the end. One thread at a time.
 *
 *     struct fields fields;
 *     fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
 *     report->instruction = fields_integer(&fields, "instruction", 1, FIELDS_INTEGER_MAX);
 *     …
 *     return fields_close(&fields);
 */
#ifndef TELLERCAST_TOPICS_FIELDS_H
#define TELLERCAST_TOPICS_FIELDS_H

#include "base/fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest integer that every JSON reader keeps exact (RFC 8259 section 6). */
#define FIELDS_INTEGER_MAX INT64_C(9007199254740991)
#define FIELDS_DEPTH_MAX 16

enum field_rule { FIELD_REQUIRED, FIELD_OPTIONAL };

struct fields {
    json_t *object; /* NULL after a fault in the document itself */
    enum tc_error error;
    struct tc_fault *fault;
    const char *parent; /* the object's own name inside the document, or NULL */
};

/* Parses a document. Faults: too large, too deep, not JSON, not an object,
 * a key twice, not UTF-8. Ends with fields_close in any case. */
void fields_open(struct fields *fields, const void *bytes, size_t length, size_t max_bytes, struct tc_fault *fault);
/* Frees the document and returns the first fault's code, or TC_OK. */
enum tc_error fields_close(struct fields *fields);

/* Records a fault of the field `name`; the text says what was found and what is allowed. */
void fields_refuse(struct fields *fields, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* True when the field is there (and no fault so far). JSON null is there. */
bool fields_has(const struct fields *fields, const char *name);

/* A required field, or an optional one that defaults to `default_value`. 0 or false after a fault.
 * Integers are JSON integers: 1.0 and 1e3 are not. */
int64_t fields_integer(struct fields *fields, const char *name, int64_t min, int64_t max);
int64_t fields_integer_or(struct fields *fields, const char *name, int64_t min, int64_t max, int64_t default_value);
bool fields_boolean(struct fields *fields, const char *name);
bool fields_boolean_or(struct fields *fields, const char *name, bool default_value);

/* The text of a string field, which the document owns; "" after a fault. */
const char *fields_string(struct fields *fields, const char *name);

/* Copies a string field of at most `size` - 1 bytes; "" when it is left out. */
void fields_text(struct fields *fields, const char *name, enum field_rule rule, char *text, size_t size);
/* The same for an ID (id_is_valid) and a name (name_is_valid) of TC_ID_SIZE. */
void fields_id(struct fields *fields, const char *name, enum field_rule rule, char *id);
void fields_name(struct fields *fields, const char *name, enum field_rule rule, char *text);
/* Milliseconds; 0 when it is left out. */
int64_t fields_time(struct fields *fields, const char *name, enum field_rule rule);

/* An object field, owned by the caller; NULL when it is left out or wrong. */
json_t *fields_object(struct fields *fields, const char *name, enum field_rule rule);
/* An array field, owned by the document; NULL when it is wrong. */
json_t *fields_array(struct fields *fields, const char *name, size_t min, size_t max);

/* An object of artifact name → version, at most VERSIONS_MAX of them, owned by the caller; NULL when
 * it is left out or wrong. */
json_t *fields_versions(struct fields *fields, const char *name);
/* The same, but a wrong value is no fault of the message: `why` says what is wrong ("": nothing). */
json_t *fields_versions_or_none(struct fields *fields, const char *name, char *why, size_t size);

/* Opens the object field `name` of `outer` to read its own fields, until fields_leave gives their
 * fault, if any, to `outer`. */
void fields_enter(struct fields *outer, const char *name, struct fields *inner);
void fields_leave(struct fields *inner, struct fields *outer);

#endif
