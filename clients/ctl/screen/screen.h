/* The abilities of a terminal, and the tones. Drawing functions take a screen and a buffer, so that they can be tested
 * without a terminal. One thread. */
#ifndef TELLERCAST_CTL_SCREEN_SCREEN_H
#define TELLERCAST_CTL_SCREEN_SCREEN_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdio.h>

struct screen {
    bool terminal;   /* lines can be redrawn in place */
    bool colour;     /* never without a terminal, and not with NO_COLOR */
    bool utf8;       /* else ASCII */
    unsigned width;  /* columns; 0: unbounded */
    unsigned height; /* rows; 0: unbounded */
};

enum tone { TONE_PLAIN, TONE_STRONG, TONE_FAINT, TONE_GOOD, TONE_BUSY, TONE_WARN, TONE_BAD };

/* Detects what `file` can show. Requires setlocale(LC_CTYPE, "") before. */
struct screen screen_detect(FILE *file);

/* Append the escape sequences that start and end a tone; nothing without colour. */
void screen_begin_tone(const struct screen *screen, enum tone tone, struct buffer *out);
void screen_end_tone(const struct screen *screen, enum tone tone, struct buffer *out);

#endif
