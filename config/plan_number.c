#include "config/plan_number.h"

#define PLAN_NUMBER_MAX 999999999

static const json_t *find(const json_t *map, const char *key)
{
    const json_t *value = json_object_get(map, key);
    return json_is_null(value) ? NULL : value;
}

int64_t plan_number(const json_t *map, const char *key, int64_t absent, bool *known)
{
    const json_t *value = find(map, key);
    if (value == NULL)
        return absent;
    json_int_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= 0 && number <= PLAN_NUMBER_MAX)
        return number;
    *known = false;
    return absent;
}

double plan_decimal(const json_t *map, const char *key, double absent, bool *known)
{
    const json_t *value = find(map, key);
    if (value == NULL)
        return absent;
    double number = json_number_value(value);
    if (json_is_number(value) && number >= 0 && number <= PLAN_NUMBER_MAX)
        return number;
    *known = false;
    return absent;
}
