#include "base/clock.h"

#include "base/fault.h"

#include <stdio.h>
#include <time.h>

enum {
    MS_PER_SECOND = 1000,
    US_PER_SECOND = 1000000,
    NS_PER_US = 1000,
    NS_PER_MS = 1000000,
    SECONDS_PER_MINUTE = 60,
    MINUTES_PER_HOUR = 60,
    HOURS_PER_DAY = 24
};
static const int64_t ms_per_day = INT64_C(86400000);
static const int64_t end_of_9999_ms = INT64_C(253402300800000);

static int64_t read_clock_ms(clockid_t id)
{
    struct timespec now;
    TC_CHECK(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / NS_PER_MS;
}

int64_t clock_now_ms(void)
{
    return read_clock_ms(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void)
{
    return read_clock_ms(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;
    TC_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / NS_PER_US;
}

int64_t clock_boot_ms(void)
{
    return read_clock_ms(CLOCK_BOOTTIME);
}

void clock_sleep_ms(int64_t ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

void clock_format(int64_t time_ms, char text[static TC_TIME_TEXT_SIZE])
{
    int64_t milliseconds = time_ms % MS_PER_SECOND;
    if (milliseconds < 0)
        milliseconds += MS_PER_SECOND;
    time_t seconds = (time_t)((time_ms - milliseconds) / MS_PER_SECOND);
    struct tm parts;
    TC_CHECK(gmtime_r(&seconds, &parts) != NULL);
    size_t length = strftime(text, TC_TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    if (milliseconds == 0)
        (void)snprintf(text + length, TC_TIME_TEXT_SIZE - length, "Z");
    else
        (void)snprintf(text + length, TC_TIME_TEXT_SIZE - length, ".%03dZ", (int)milliseconds);
}

/* Days from 1970-01-01 to a civil date of the Gregorian calendar. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

struct reader {
    const char *at, *end;
};

static bool read_digits(struct reader *reader, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, reader->at++) {
        if (reader->at == reader->end || *reader->at < '0' || *reader->at > '9')
            return false;
        *value = *value * 10 + (*reader->at - '0');
    }
    return true;
}

static bool read_one_of(struct reader *reader, const char *allowed, char *found)
{
    if (reader->at == reader->end)
        return false;
    for (; *allowed != '\0'; allowed++) {
        if (*reader->at == *allowed) {
            *found = *reader->at++;
            return true;
        }
    }
    return false;
}

/* An optional fraction of a second, cut to milliseconds. */
static bool read_fraction(struct reader *reader, int *milliseconds)
{
    char found;
    *milliseconds = 0;
    if (!read_one_of(reader, ".", &found))
        return true;
    int digits = 0;
    for (int scale = 100; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
         reader->at++, scale /= 10) {
        *milliseconds += (*reader->at - '0') * scale;
        digits++;
    }
    return digits >= 1 && digits <= 9;
}

static bool read_offset(struct reader *reader, int *offset_minutes)
{
    char sign;
    *offset_minutes = 0;
    if (!read_one_of(reader, "Zz+-", &sign))
        return false;
    if (sign == 'Z' || sign == 'z')
        return true;
    int hours, minutes;
    char colon;
    if (!read_digits(reader, 2, &hours) || !read_one_of(reader, ":", &colon) || !read_digits(reader, 2, &minutes))
        return false;
    if (hours >= HOURS_PER_DAY || minutes >= MINUTES_PER_HOUR)
        return false;
    *offset_minutes = (hours * MINUTES_PER_HOUR + minutes) * (sign == '-' ? -1 : 1);
    return true;
}

bool clock_parse(const char *text, size_t length, int64_t *time_ms)
{
    struct reader reader = {text, text + length};
    int year, month, day, hour, minute, second, milliseconds, offset_minutes;
    char found;
    bool shaped =
        read_digits(&reader, 4, &year) && read_one_of(&reader, "-", &found) && read_digits(&reader, 2, &month) &&
        read_one_of(&reader, "-", &found) && read_digits(&reader, 2, &day) && read_one_of(&reader, "Tt ", &found) &&
        read_digits(&reader, 2, &hour) && read_one_of(&reader, ":", &found) && read_digits(&reader, 2, &minute) &&
        read_one_of(&reader, ":", &found) && read_digits(&reader, 2, &second) &&
        read_fraction(&reader, &milliseconds) && read_offset(&reader, &offset_minutes) && reader.at == reader.end;
    if (!shaped || year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    if (hour >= HOURS_PER_DAY || minute >= MINUTES_PER_HOUR || second > SECONDS_PER_MINUTE)
        return false;

    int64_t minutes = (int64_t)hour * MINUTES_PER_HOUR + minute - offset_minutes;
    *time_ms = days_from_civil(year, month, day) * ms_per_day +
               (minutes * SECONDS_PER_MINUTE + second) * MS_PER_SECOND + milliseconds;
    return *time_ms >= 0 && *time_ms < end_of_9999_ms;
}
