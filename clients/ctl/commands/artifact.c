#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/commands/transfer.h"
#include "clients/ctl/screen/text.h"
#include "topics/token.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 18 };

/* The file that is added. */
struct source {
    const char *path;
    int file;
    int64_t size_bytes;
    char sha256[SHA256_HEX_SIZE];
};

static int fail_errno(const struct session *session, const struct source *source, const char *what)
{
    return session_fail(session, EXIT_ERROR, "%s: %s: %s", source->path, what, strerror(errno));
}

static int open_source(const struct session *session, struct source *source)
{
    source->file = open(source->path, O_RDONLY | O_CLOEXEC);
    if (source->file < 0)
        return fail_errno(session, source, "open");
    struct stat status;
    if (fstat(source->file, &status) != 0)
        return fail_errno(session, source, "stat");
    if (!S_ISREG(status.st_mode))
        return session_fail(session, EXIT_ERROR, "%s: not a regular file", source->path);
    source->size_bytes = status.st_size;
    return EXIT_HEALTHY;
}

static int digest_source(const struct session *session, struct source *source)
{
    static unsigned char piece[READ_SIZE];
    struct transfer transfer;
    crypto_hash_sha256_state state;
    int64_t total = 0;
    (void)crypto_hash_sha256_init(&state);
    transfer_start(&transfer, session, "reading", source->size_bytes);
    for (;;) {
        ssize_t got = read(source->file, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            transfer_end(&transfer);
            return fail_errno(session, source, "read");
        }
        if (got == 0)
            break;
        (void)crypto_hash_sha256_update(&state, piece, (unsigned long long)got);
        total += got;
        transfer_move(&transfer, total);
    }
    transfer_end(&transfer);
    if (total != source->size_bytes || lseek(source->file, 0, SEEK_SET) != 0)
        return session_fail(session, EXIT_ERROR, "%s: the file changed while it was read", source->path);
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256_final(&state, digest);
    (void)sodium_bin2hex(source->sha256, sizeof source->sha256, digest, sizeof digest);
    return EXIT_HEALTHY;
}

static void report_sent(void *context, int64_t sent, int64_t total)
{
    (void)total;
    transfer_move(context, sent);
}

/* "  (the same file as atm-app 4.7.1, atm-app 4.7.2)" */
static void put_same(const json_t *same, struct buffer *out)
{
    size_t i;
    const json_t *other;
    json_array_foreach(same, i, other)
    {
        buffer_format(out, "%s%s %s", i == 0 ? "  (the same file as " : ", ", document_text(other, "name"),
                      document_text(other, "version"));
    }
    if (json_array_size(same) > 0)
        buffer_put_text(out, ")");
}

static int show_added(const struct session *session, const struct http_answer *answer)
{
    if (session->json) {
        session_put_json(session, answer->document);
        return EXIT_HEALTHY;
    }
    struct buffer text = {0};
    buffer_format(&text, "%s %s  ", document_text(answer->document, "name"),
                  document_text(answer->document, "version"));
    text_put_size(&text, document_number(answer->document, "size"));
    buffer_format(&text, "  sha256 %s%s", document_text(answer->document, "sha256"),
                  answer->status == 200 ? "  (already stored)" : "");
    put_same(json_object_get(answer->document, "same_as"), &text);
    buffer_put_text(&text, "\n");
    session_put(&text);
    buffer_free(&text);
    return EXIT_HEALTHY;
}

static int send_source(struct session *session, const struct source *source, const char *name, const char *version)
{
    int code = EXIT_ERROR;
    struct http *http = session_http(session, &code);
    if (http == NULL)
        return code;
    struct buffer path = {0};
    buffer_format(&path, "/v1/artifacts/%s?name=", source->sha256);
    http_put_escaped(&path, name);
    buffer_put_text(&path, "&version=");
    http_put_escaped(&path, version);
    struct transfer transfer;
    transfer_start(&transfer, session, "sending", source->size_bytes);
    const struct http_request request = {
        .method = "PUT",
        .path = buffer_text(&path),
        .content_type = "application/octet-stream",
        .file = source->file,
        .file_size = source->size_bytes,
        .sent = report_sent,
        .context = &transfer,
    };
    struct tc_fault fault;
    struct http_answer answer;
    enum tc_error error = http_send(http, &request, &answer, &fault);
    transfer_end(&transfer);
    buffer_free(&path);
    if (error != TC_OK)
        return session_fail_fault(session, &fault);
    if (http_answer_is_good(&answer))
        code = show_added(session, &answer);
    else
        code = session_report_problem(session, source->path, answer.status, answer.document);
    http_answer_free(&answer);
    /* EXIT_INVALID is for plans and fleets only. */
    return code == EXIT_INVALID ? EXIT_ERROR : code;
}

static bool is_name(const struct session *session, const char *option, int *code)
{
    const char *text = session_option(session, option);
    if (name_is_valid(text, strlen(text)))
        return true;
    *code =
        session_fail_usage(session, "--%s: found \"%.80s\", allowed: 1 to 64 of A-Z a-z 0-9 _ - . : +", option, text);
    return false;
}

int run_artifact_add(struct session *session)
{
    int code = EXIT_HEALTHY;
    struct source source = {.path = session_argument(session, 0), .file = -1};
    if (!is_name(session, "name", &code) || !is_name(session, "version", &code))
        return code;
    code = open_source(session, &source);
    if (code == EXIT_HEALTHY)
        code = digest_source(session, &source);
    if (code == EXIT_HEALTHY)
        code = send_source(session, &source, session_option(session, "name"), session_option(session, "version"));
    if (source.file >= 0)
        (void)close(source.file);
    return code;
}
