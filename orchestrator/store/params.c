#include "orchestrator/store/params.h"

#include "base/fault.h"

#include <endian.h>
#include <string.h>

/* From pg_type.dat; they never change. */
enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_INT2_ARRAY = 1005,
    OID_INT4_ARRAY = 1007,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016
};

static void put_int2(struct buffer *bytes, int64_t value)
{
    uint16_t wire = htobe16((uint16_t)value);
    buffer_put(bytes, &wire, sizeof wire);
}

static void put_int4(struct buffer *bytes, int64_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    buffer_put(bytes, &wire, sizeof wire);
}

static void put_int8(struct buffer *bytes, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    buffer_put(bytes, &wire, sizeof wire);
}

static void begin(struct params *params, Oid type, bool binary)
{
    TC_CHECK(params->count < PARAMS_MAX);
    params->types[params->count] = type;
    params->formats[params->count] = binary ? 1 : 0;
    params->offsets[params->count] = params->bytes.length;
    params->nulls[params->count] = false;
}

static void end(struct params *params)
{
    params->lengths[params->count] = (int)(params->bytes.length - params->offsets[params->count]);
    params->count++;
}

void params_begin(struct params *params)
{
    params->count = 0;
    buffer_clear(&params->bytes);
}

void params_free(struct params *params)
{
    buffer_free(&params->bytes);
}

void params_add_int(struct params *params, int64_t value)
{
    begin(params, OID_INT8, true);
    put_int8(&params->bytes, value);
    end(params);
}

void params_add_bool(struct params *params, bool value)
{
    begin(params, OID_BOOL, true);
    buffer_put(&params->bytes, value ? "\1" : "\0", 1);
    end(params);
}

void params_add_text(struct params *params, const char *text)
{
    begin(params, OID_TEXT, false);
    params->nulls[params->count] = text == NULL;
    if (text != NULL)
        buffer_put(&params->bytes, text, strlen(text) + 1);
    end(params);
}

/* The array's header: one dimension of `count`, counting from 1. */
static void begin_array(struct params *params, Oid array, Oid element, size_t count, bool any_null)
{
    begin(params, array, true);
    put_int4(&params->bytes, count == 0 ? 0 : 1);
    put_int4(&params->bytes, any_null ? 1 : 0);
    put_int4(&params->bytes, element);
    if (count > 0) {
        put_int4(&params->bytes, (int64_t)count);
        put_int4(&params->bytes, 1);
    }
}

void params_begin_int_array(struct params *params, size_t count)
{
    begin_array(params, OID_INT8_ARRAY, OID_INT8, count, false);
}

void params_begin_int4_array(struct params *params, size_t count)
{
    begin_array(params, OID_INT4_ARRAY, OID_INT4, count, false);
}

void params_begin_int2_array(struct params *params, size_t count)
{
    begin_array(params, OID_INT2_ARRAY, OID_INT2, count, false);
}

void params_begin_text_array(struct params *params, size_t count, bool any_null)
{
    begin_array(params, OID_TEXT_ARRAY, OID_TEXT, count, any_null);
}

void params_put_int(struct params *params, int64_t value)
{
    switch (params->types[params->count]) {
    case OID_INT2_ARRAY:
        put_int4(&params->bytes, 2);
        put_int2(&params->bytes, value);
        break;
    case OID_INT4_ARRAY:
        put_int4(&params->bytes, 4);
        put_int4(&params->bytes, value);
        break;
    default:
        TC_CHECK(params->types[params->count] == OID_INT8_ARRAY);
        put_int4(&params->bytes, 8);
        put_int8(&params->bytes, value);
        break;
    }
}

void params_put_text(struct params *params, const char *text)
{
    if (text == NULL) {
        put_int4(&params->bytes, -1);
        return;
    }
    size_t length = strlen(text);
    put_int4(&params->bytes, (int64_t)length);
    buffer_put(&params->bytes, text, length);
}

void params_end_array(struct params *params)
{
    end(params);
}
