/* How things are drawn: what the terminal can show, and the tones. Everything that draws takes a look
 * and a buffer, so that it can be tested without a terminal. One thread. */
#ifndef TELLERCAST_CTL_SCREEN_LOOK_H
#define TELLERCAST_CTL_SCREEN_LOOK_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdio.h>

struct look {
    bool terminal;   /* lines can be drawn again in place */
    bool colour;     /* never without a terminal, and not with NO_COLOR */
    bool utf8;       /* else ASCII */
    unsigned width;  /* columns; 0: not bounded */
    unsigned height; /* rows; 0: not bounded */
};

enum tone { TONE_PLAIN, TONE_STRONG, TONE_FAINT, TONE_GOOD, TONE_BUSY, TONE_WARN, TONE_BAD };

/* Finds out what `file` can show. The program has called setlocale(LC_CTYPE, ""). */
struct look look_at(FILE *file);

/* Appends what starts and ends a tone; nothing without colour. */
void look_begin(const struct look *look, enum tone tone, struct buffer *out);
void look_end(const struct look *look, enum tone tone, struct buffer *out);

#endif
