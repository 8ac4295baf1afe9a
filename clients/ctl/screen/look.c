#include "clients/ctl/screen/look.h"

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

struct look look_at(FILE *file)
{
    struct look look = {.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
    const char *kind = getenv("TERM");
    look.terminal = isatty(fileno(file)) == 1 && kind != NULL && strcmp(kind, "dumb") != 0;
    if (!look.terminal)
        return look;
    look.colour = !is_set("NO_COLOR");
    struct winsize size;
    if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0) {
        look.width = size.ws_col;
        look.height = size.ws_row;
    }
    return look;
}

void look_begin(const struct look *look, enum tone tone, struct buffer *out)
{
    if (look->colour)
        buffer_put_text(out, escapes[tone]);
}

void look_end(const struct look *look, enum tone tone, struct buffer *out)
{
    if (look->colour && tone != TONE_PLAIN)
        buffer_put_text(out, "\033[0m");
}
