#include "clients/ctl/commands/output.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const struct session *session, const char *path, const char *what)
{
    return session_fail(session, EXIT_ERROR, "%s: %s: %s", path, what, strerror(errno));
}

bool output_open(const struct session *session, const char *path, struct output *output, int *code)
{
    *output = (struct output){.file = stdout};
    if (path == NULL)
        return true;
    struct buffer partial = {0};
    buffer_format(&partial, "%s.XXXXXX", path);
    int opened = mkstemp(partial.bytes);
    output->file = opened < 0 ? NULL : fdopen(opened, "w");
    if (output->file == NULL) {
        *code = fail(session, path, "create");
        if (opened >= 0) {
            (void)close(opened);
            (void)unlink(partial.bytes);
        }
        buffer_free(&partial);
        return false;
    }
    output->partial = partial.bytes;
    output->path = strdup(path);
    TC_CHECK(output->path != NULL);
    return true;
}

void output_put(struct output *output, struct buffer *text)
{
    (void)fwrite(buffer_text(text), 1, text->length, output->file);
    buffer_clear(text);
}

/* mkstemp creates files with mode 0600; a report gets the usual mode. */
static mode_t usual_mode(void)
{
    enum { MODE = 0666 };
    mode_t mask = umask(0);
    (void)umask(mask);
    return MODE & ~mask;
}

int output_close(const struct session *session, struct output *output, int code)
{
    struct tc_fault fault;
    if (output->path == NULL) {
        if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_HEALTHY)
            code = fail(session, "standard output", "write");
        return code;
    }
    bool written = fflush(output->file) == 0 && !ferror(output->file) && fsync(fileno(output->file)) == 0 &&
                   fchmod(fileno(output->file), usual_mode()) == 0;
    if (!written && code == EXIT_HEALTHY)
        code = fail(session, output->path, "write");
    (void)fclose(output->file);
    if (code == EXIT_HEALTHY && rename(output->partial, output->path) != 0)
        code = fail(session, output->path, "rename");
    if (code != EXIT_HEALTHY)
        (void)unlink(output->partial);
    else if (file_sync_folder_of(output->path, &fault) != TC_OK)
        code = session_fail_fault(session, &fault);
    free(output->path);
    free(output->partial);
    return code;
}
