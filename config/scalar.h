/* Reads values written as text, strictly: any other form is refused, never guessed. Each reader takes a text that ends
 * with a NUL; when it returns false, it does not change its result. Any thread. */
#ifndef TELLERCAST_CONFIG_SCALAR_H
#define TELLERCAST_CONFIG_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0, 7, -12. Not 010, 1_000, 0x10, 1e3, +1 or -0. */
bool scalar_read_integer(const char *text, int64_t *value);
/* A number of JSON: 7, -2.5, 1e3. */
bool scalar_is_number(const char *text);
/* true or false. Not yes, on or True. */
bool scalar_read_boolean(const char *text, bool *value);
/* An integer, not negative, and its unit: 500ms, 15s, 10m, 3h, 2d. */
bool scalar_read_duration(const char *text, int64_t *duration_ms);
/* 512, 64KiB, 412MiB, 2GiB, 1TiB. */
bool scalar_read_size(const char *text, int64_t *size_bytes);
/* 0 to 100 with at most four decimals, with or without a % sign; in 1/10000 of a percent. */
#define PERCENT_PARTS INT64_C(10000)
bool scalar_read_percentage(const char *text, int64_t *parts);
/* mon to sun: 1 to 7, as in ISO 8601. */
bool scalar_read_weekday(const char *text, int *weekday);
/* 00:00 to 23:59. */
bool scalar_read_time_of_day(const char *text, int *minutes);
/* 2026-12-08; the time is its midnight in UTC. */
bool scalar_read_date(const char *text, int64_t *time_ms);
/* Returns whether the text has the form of an IANA zone name. Only the database knows whether the zone exists. */
bool scalar_is_zone(const char *text);
/* True for http:// or https://, a host, and no space or control character. */
bool scalar_is_url(const char *text);
/* 64 hexadecimal digits, given in lower case. */
bool scalar_read_sha256(const char *text, char digest[static 65]);

#define SCALAR_TEXT_SIZE 32
/* Writes the shortest text that the matching reader reads as this value. */
void scalar_write_duration(int64_t duration_ms, char text[static SCALAR_TEXT_SIZE]);
void scalar_write_size(int64_t size_bytes, char text[static SCALAR_TEXT_SIZE]);

#endif
