#include "clients/ctl/screen/screen.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *const escapes[] = {
    [TONE_PLAIN] = "",        [TONE_STRONG] = "\033[1m", [TONE_FAINT] = "\033[2m", [TONE_GOOD] = "\033[32m",
    [TONE_BUSY] = "\033[36m", [TONE_WARN] = "\033[33m",  [TONE_BAD] = "\033[31m",
};

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && *value != '\0';
}

struct screen screen_detect(FILE *file)
{
    struct screen screen = {.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
    const char *kind = getenv("TERM");
    screen.terminal = isatty(fileno(file)) == 1 && kind != NULL && strcmp(kind, "dumb") != 0;
    if (!screen.terminal)
        return screen;
    screen.colour = !is_set("NO_COLOR");
    struct winsize size;
    if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0) {
        screen.width = size.ws_col;
        screen.height = size.ws_row;
    }
    return screen;
}

void screen_begin_tone(const struct screen *screen, enum tone tone, struct buffer *out)
{
    if (screen->colour)
        buffer_put_text(out, escapes[tone]);
}

void screen_end_tone(const struct screen *screen, enum tone tone, struct buffer *out)
{
    if (screen->colour && tone != TONE_PLAIN)
        buffer_put_text(out, "\033[0m");
}
