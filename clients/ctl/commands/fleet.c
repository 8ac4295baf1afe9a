#include "base/file.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/commands/transfer.h"
#include "clients/ctl/screen/text.h"
#include "config/fleet_file.h"
#include "config/scalar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* The daemon answers an import after the commit: five million devices take minutes. */
enum { IMPORT_SILENCE_S = 3600, COPY_SIZE = 65536 };

/* The file that is imported, and its contents in numbers. */
struct source {
    const char *path;
    struct fleet_file fleet;
    int64_t size_bytes;
    int64_t branches, devices;
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length >= strlen(end) && strcasecmp(text + length - strlen(end), end) == 0;
}

static bool find_format(const struct session *session, const char *path, enum fleet_format *format, int *code)
{
    const char *name = session_option(session, "format");
    if (name == NULL && ends_with(path, ".csv"))
        name = "csv";
    if (name == NULL && (ends_with(path, ".yaml") || ends_with(path, ".yml") || ends_with(path, ".json")))
        name = "yaml";
    if (name == NULL || (strcmp(name, "csv") != 0 && strcmp(name, "yaml") != 0)) {
        *code = session_fail_usage(session, "%s: unknown format; use --format csv or --format yaml", path);
        return false;
    }
    *format = strcmp(name, "csv") == 0 ? FLEET_CSV : FLEET_YAML;
    return true;
}

static void put_change(const json_t *answer, const char *what, struct buffer *out)
{
    const json_t *change = json_object_get(answer, what);
    buffer_format(out, "%-8s  ", what);
    text_put_count(out, document_number(change, "added"));
    buffer_put_text(out, " added, ");
    text_put_count(out, document_number(change, "changed"));
    buffer_put_text(out, " changed, ");
    text_put_count(out, document_number(change, "same"));
    buffer_put_text(out, " the same\n");
}

static void report_sent(void *context, int64_t sent, int64_t total)
{
    (void)total;
    transfer_move(context, sent);
}

static int show_imported(struct session *session, const struct source *source, const struct http_answer *answer)
{
    if (!http_answer_is_good(answer))
        return session_report_problem(session, source->path, answer->status, answer->document);
    if (session->json) {
        session_put_json(session, answer->document);
        return EXIT_HEALTHY;
    }
    struct buffer text = {0};
    put_change(answer->document, "branches", &text);
    put_change(answer->document, "devices", &text);
    session_put(&text);
    buffer_free(&text);
    return EXIT_HEALTHY;
}

static int import(struct session *session, const struct source *source)
{
    int code = EXIT_ERROR;
    struct tc_fault fault;
    struct http_answer answer;
    struct transfer transfer;
    struct buffer path = {0};
    struct http *http = session_http(session, &code);
    if (http == NULL)
        return code;
    if (lseek(source->fleet.file, 0, SEEK_SET) != 0)
        return session_fail(session, EXIT_ERROR, "%s: %s", source->path, strerror(errno));
    buffer_put_text(&path, "/v1/fleet");
    if (source->fleet.rules.default_zone != NULL) {
        buffer_put_text(&path, "?default_zone=");
        http_put_escaped(&path, source->fleet.rules.default_zone);
    }
    transfer_start(&transfer, session, "sending", source->size_bytes);
    const struct http_request request = {
        .method = "PUT",
        .path = buffer_text(&path),
        .content_type = source->fleet.format == FLEET_CSV ? "text/csv" : "application/yaml",
        .file = source->fleet.file,
        .file_size = source->size_bytes,
        .silence_s = IMPORT_SILENCE_S,
        .sent = report_sent,
        .context = &transfer,
    };
    enum tc_error error = http_send(http, &request, &answer, &fault);
    transfer_end(&transfer);
    buffer_free(&path);
    if (error != TC_OK)
        return session_fail_fault(session, &fault);
    code = show_imported(session, source, &answer);
    http_answer_free(&answer);
    return code;
}

/* ---- the file --------------------------------------------------------------------------------- */

/* Copies a stream that cannot be read twice, such as a pipe, to an unnamed file. */
static bool copy_stream(int stream, int *copy)
{
    char piece[COPY_SIZE];
    FILE *file = tmpfile();
    *copy = file == NULL ? -1 : fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
    if (file != NULL)
        (void)fclose(file);
    ssize_t got = *copy < 0 ? -1 : 1;
    while (got > 0) {
        got = read(stream, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0 && file_write_all(*copy, piece, (size_t)got, NULL) != TC_OK)
            got = -1;
    }
    return got == 0;
}

static int open_source(const struct session *session, struct source *source)
{
    struct stat status;
    int *file = &source->fleet.file;
    *file = open(strcmp(source->path, "-") == 0 ? "/dev/stdin" : source->path, O_RDONLY | O_CLOEXEC);
    bool good = *file >= 0 && fstat(*file, &status) == 0;
    if (good && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        good = false;
    } else if (good && !S_ISREG(status.st_mode)) {
        int stream = *file;
        good = copy_stream(stream, file) && fstat(*file, &status) == 0;
        (void)close(stream);
    }
    if (!good)
        return session_fail(session, EXIT_ERROR, "%s: read: %s", source->path, strerror(errno));
    source->size_bytes = status.st_size;
    return EXIT_HEALTHY;
}

static bool count_branch(void *context, const struct fleet_branch *branch)
{
    (void)branch;
    ((struct source *)context)->branches++;
    return true;
}

static bool count_device(void *context, const struct fleet_device *device)
{
    (void)device;
    ((struct source *)context)->devices++;
    return true;
}

static void say_read(const struct session *session, const struct source *source)
{
    struct buffer text = {0};
    text_put_count(&text, source->branches);
    buffer_put_text(&text, source->branches == 1 ? " branch, " : " branches, ");
    text_put_count(&text, source->devices);
    buffer_put_text(&text, source->devices == 1 ? " device" : " devices");
    session_say(session, "%s: %s, no fault found locally", source->path, buffer_text(&text));
    buffer_free(&text);
}

static int check(struct session *session, struct source *source)
{
    struct tc_fault fault;
    struct document_faults faults = {0};
    const struct fleet_sink sink = {source, count_branch, count_device, NULL};
    int code = EXIT_HEALTHY;
    switch (fleet_file_read(&source->fleet, &sink, &faults, &fault)) {
    case TC_OK: say_read(session, source); break;
    case TC_INVALID: code = session_report_faults(session, source->path, &faults); break;
    default: code = session_fail(session, EXIT_ERROR, "%s: %s", source->path, fault.text);
    }
    document_faults_free(&faults);
    return code;
}

int run_fleet_import(struct session *session)
{
    int code = EXIT_HEALTHY;
    struct source source = {.path = session_argument(session, 0), .fleet = {.file = -1}};
    const char *zone = session_option(session, "default-zone");
    if (zone != NULL && !scalar_is_zone(zone))
        return session_fail_usage(
            session, "--default-zone: found \"%.80s\", allowed: an IANA time zone, such as Europe/Berlin", zone);
    source.fleet.rules.default_zone = zone;
    if (!find_format(session, source.path, &source.fleet.format, &code))
        return code;
    code = open_source(session, &source);
    if (code == EXIT_HEALTHY)
        code = check(session, &source);
    if (code == EXIT_HEALTHY && !session_has(session, "dry-run"))
        code = import(session, &source);
    if (source.fleet.file >= 0)
        (void)close(source.fleet.file);
    return code;
}
