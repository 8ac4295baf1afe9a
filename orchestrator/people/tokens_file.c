#include "orchestrator/people/tokens_file.h"

#include "base/file.h"
#include "base/log.h"
#include "orchestrator/people/token_text.h"
#include "orchestrator/rollout/words.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, DIGEST_DIGITS = TOKEN_DIGEST_SIZE - 1 };

static const char whitespace[] = " \t\r";
static const char byte_order_mark[] = "\xEF\xBB\xBF"; /* which some editors write */

static bool is_reserved(const char *name)
{
    return strcmp(name, ACTOR_TELLERCAST) == 0 || strcmp(name, ACTOR_LOOPBACK) == 0;
}

/* Reads `user digest`. The digest may be lower-case or upper-case hex; nothing may follow it. */
static bool read_line(const char *line, struct imported_token *token)
{
    size_t user_length = strcspn(line, whitespace);
    const char *digest = line + user_length + strspn(line + user_length, whitespace);
    size_t digest_length = strcspn(digest, whitespace), read = 0;
    const char *end = digest + digest_length;
    unsigned char bytes[crypto_hash_sha256_BYTES];
    if (!name_is_valid(line, user_length) || digest_length != DIGEST_DIGITS || end[strspn(end, whitespace)] != '\0')
        return false;
    memcpy(token->user, line, user_length);
    token->user[user_length] = '\0';
    if (sodium_hex2bin(bytes, sizeof bytes, digest, digest_length, NULL, &read, NULL) != 0 || read != sizeof bytes)
        return false;
    (void)sodium_bin2hex(token->digest, sizeof token->digest, bytes, sizeof bytes);
    memcpy(token->id, token->digest, TOKEN_ID_SIZE - 1);
    token->id[TOKEN_ID_SIZE - 1] = '\0';
    return !is_reserved(token->user);
}

static void add_line(struct tokens_file *file, const struct imported_token *token)
{
    struct imported_token *lines = reallocarray(file->lines, file->count + 1, sizeof *lines);
    TC_CHECK(lines != NULL);
    file->lines = lines;
    lines[file->count++] = *token;
}

static enum tc_error read_lines(const char *path, char *text, struct tokens_file *file, struct tc_fault *fault)
{
    int number = 1;
    for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n"), number++) {
        struct imported_token token;
        line += strspn(line, whitespace);
        if (*line == '\0' || *line == '#')
            continue;
        if (!read_line(line, &token))
            return tc_fault_set(fault, TC_INVALID, "%s:%d: must be \"user sha256-hex-of-token\"", path, number);
        add_line(file, &token);
    }
    return TC_OK;
}

enum tc_error tokens_file_read(const char *path, struct tokens_file *file, struct tc_fault *fault)
{
    struct buffer content = {0};
    *file = (struct tokens_file){0};
    enum tc_error error = file_read_private(path, FILE_MAX, &content, fault);
    size_t mark = strlen(byte_order_mark);
    bool is_marked = content.length >= mark && memcmp(content.bytes, byte_order_mark, mark) == 0;
    if (error == TC_OK && content.length > 0 && memchr(content.bytes, '\0', content.length) != NULL)
        error = tc_fault_set(fault, TC_INVALID, "%s: contains a NUL character; save it as plain text in UTF-8", path);
    if (error == TC_OK && content.length > 0)
        error = read_lines(path, content.bytes + (is_marked ? mark : 0), file, fault);
    buffer_free(&content);
    if (error != TC_OK)
        tokens_file_free(file);
    return error;
}

void tokens_file_free(struct tokens_file *file)
{
    free(file->lines);
    *file = (struct tokens_file){0};
}

enum tc_error tokens_file_import(const char *path, const char *orchestrator, struct store *store,
                                 struct tc_fault *fault)
{
    struct tokens_file file;
    char at[32] = "";
    enum tc_error error = tokens_file_read(path, &file, fault);
    if (error == TC_OK)
        error = tokens_import(store, orchestrator, file.lines, file.count, TOKEN_VALID_S, at, fault);
    if (error == TC_OK)
        LOG_WARNING("tokens.imported", F_STR("file", path), F_INT("tokens", (int64_t)file.count),
                    F_STR("next", "remove http.tokens_file from the settings"));
    if (error == TC_CONFLICT && *at != '\0')
        (void)tc_fault_set(fault, error,
                           "http.tokens_file was imported at %s: remove it from the settings; people have their tokens "
                           "from tellercast token create",
                           at);
    tokens_file_free(&file);
    return error;
}
