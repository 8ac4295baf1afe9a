/* The parameters of one statement, in PostgreSQL's binary form. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PARAMS_H
#define TELLERCAST_ORCHESTRATOR_STORE_PARAMS_H

#include "base/buffer.h"

#include <postgresql/libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARAMS_MAX 20

struct params {
    int count;
    Oid types[PARAMS_MAX];
    int lengths[PARAMS_MAX];
    int formats[PARAMS_MAX];
    size_t offsets[PARAMS_MAX]; /* into `bytes` */
    bool nulls[PARAMS_MAX];
    struct buffer bytes; /* keeps its memory from one use to the next */
};

/* Empties them for the next statement. */
void params_begin(struct params *params);
void params_free(struct params *params);

void params_add_int(struct params *params, int64_t value);
void params_add_bool(struct params *params, bool value);
/* NULL is SQL's null. */
void params_add_text(struct params *params, const char *text);

/* To add an array: begin, then put each element in order, then end. */
void params_begin_int_array(struct params *params, size_t count);
void params_begin_int4_array(struct params *params, size_t count);
void params_begin_int2_array(struct params *params, size_t count);
void params_begin_text_array(struct params *params, size_t count, bool any_null);
void params_put_int(struct params *params, int64_t value);     /* of the array's width */
void params_put_text(struct params *params, const char *text); /* NULL is SQL's null */
void params_end_array(struct params *params);

#endif
