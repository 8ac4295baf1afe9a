#include "config/suggestion.h"

#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 64 };

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Returns the number of letters to change, add, drop or swap with their neighbour. */
static size_t distance_between(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *above = rows[0], *before = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        before[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t changed = before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = least_of(changed, 1 + least_of(before[j], row[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped)
                row[j] = least_of(row[j], above[j - 2] + 1);
        }
        size_t *spare = above;
        above = before;
        before = row;
        row = spare;
    }
    return before[b_length];
}

void suggestion_offer(struct suggestion *suggestion, const char *candidate)
{
    size_t found_length = strlen(suggestion->found);
    size_t length = strlen(candidate);
    if (found_length == 0 || found_length > WORD_MAX || length > WORD_MAX)
        return;
    size_t near = length <= 3 ? 1 : length <= 8 ? 2 : length / 3;
    if (found_length > length + near || length > found_length + near)
        return;
    size_t distance = distance_between(suggestion->found, found_length, candidate, length);
    if (distance <= near && (suggestion->nearest == NULL || distance < suggestion->distance)) {
        suggestion->nearest = candidate;
        suggestion->distance = distance;
    }
}
