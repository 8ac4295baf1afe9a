/* Time: int64_t milliseconds since the epoch, in UTC; a monotonic clock for timers. Any thread. */
#ifndef TELLERCAST_BASE_CLOCK_H
#define TELLERCAST_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "2026-12-01T00:00:00.123Z" and its NUL. */
#define TC_TIME_TEXT_SIZE 32

/* The wall clock. It can jump: use it for times that are shown or sent, never to measure. */
int64_t clock_now_ms(void);

/* A clock that only goes forward, from an arbitrary zero. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void); /* the same in microseconds */

/* The same, but it also counts while the machine sleeps: for timers over hours. */
int64_t clock_boot_ms(void);

/* Sleeps, less when a signal is handled meanwhile. */
void clock_sleep_ms(int64_t ms);

/* Writes RFC 3339 in UTC with milliseconds; whole seconds are written without a fraction. */
void clock_format(int64_t time_ms, char text[static TC_TIME_TEXT_SIZE]);

/* Reads RFC 3339 ("2026-12-01T00:00:00Z", a fraction of 1 to 9 digits, or an offset "+08:00").
 * A leap second is read as the second after it. False when it is anything else, or a date that does
 * not exist, or outside the years 1970 to 9999. */
bool clock_parse(const char *text, size_t length, int64_t *time_ms);

#endif
