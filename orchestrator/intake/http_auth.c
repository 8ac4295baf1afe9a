#include "orchestrator/intake/http_auth.h"

#include "base/buffer.h"
#include "base/file.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FILE_MAX = 1 << 20, DIGEST_HEX = 2 * crypto_hash_sha256_BYTES };

struct token {
    char user[TC_ID_SIZE];
    unsigned char digest[crypto_hash_sha256_BYTES];
};

struct token_list {
    struct token *items;
    size_t count;
};

struct http_auth {
    char *path;
    pthread_rwlock_t lock;
    struct token_list tokens;
};

static const char whitespace[] = " \t\r";
static const char byte_order_mark[] = "\xEF\xBB\xBF"; /* which some editors write */

/* Reads `user digest`. The digest may be lower-case or upper-case hex; nothing may follow it. */
static bool read_token(const char *line, struct token *token)
{
    size_t user_length = strcspn(line, whitespace);
    const char *digest = line + user_length + strspn(line + user_length, whitespace);
    size_t digest_length = strcspn(digest, whitespace);
    const char *end = digest + digest_length;
    if (!name_is_valid(line, user_length) || digest_length != DIGEST_HEX || end[strspn(end, whitespace)] != '\0')
        return false;
    memcpy(token->user, line, user_length);
    token->user[user_length] = '\0';
    size_t read = 0;
    return sodium_hex2bin(token->digest, sizeof token->digest, digest, digest_length, NULL, &read, NULL) == 0 &&
           read == sizeof token->digest;
}

static void add_token(struct token_list *list, const struct token *token)
{
    struct token *items = reallocarray(list->items, list->count + 1, sizeof *items);
    TC_CHECK(items != NULL);
    list->items = items;
    items[list->count++] = *token;
}

static enum tc_error read_file(const char *path, struct token_list *list, struct tc_fault *fault)
{
    struct buffer content = {0};
    enum tc_error error = file_read_private(path, FILE_MAX, &content, fault);
    char *rest = content.bytes;
    int number = 1;
    if (error == TC_OK && content.length > 0 && memchr(content.bytes, '\0', content.length) != NULL)
        error = tc_fault_set(fault, TC_INVALID, "%s: contains a NUL character; save it as plain text in UTF-8", path);
    if (content.length >= strlen(byte_order_mark) &&
        memcmp(content.bytes, byte_order_mark, strlen(byte_order_mark)) == 0)
        rest += strlen(byte_order_mark);
    for (char *line = strsep(&rest, "\n"); error == TC_OK && line != NULL; line = strsep(&rest, "\n"), number++) {
        line += strspn(line, whitespace);
        struct token token;
        if (*line == '\0' || *line == '#')
            continue;
        if (read_token(line, &token))
            add_token(list, &token);
        else
            error = tc_fault_set(fault, TC_INVALID, "%s:%d: must be \"user sha256-hex-of-token\"", path, number);
    }
    buffer_free(&content);
    return error;
}

enum tc_error http_auth_open(const char *path, struct http_auth **auth, struct tc_fault *fault)
{
    struct http_auth *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->path = strdup(path);
    TC_CHECK(made->path != NULL && pthread_rwlock_init(&made->lock, NULL) == 0);
    enum tc_error error = http_auth_reload(made, fault);
    if (error != TC_OK) {
        http_auth_close(made);
        return error;
    }
    *auth = made;
    return TC_OK;
}

void http_auth_close(struct http_auth *auth)
{
    if (auth == NULL)
        return;
    (void)pthread_rwlock_destroy(&auth->lock);
    free(auth->tokens.items);
    free(auth->path);
    free(auth);
}

enum tc_error http_auth_reload(struct http_auth *auth, struct tc_fault *fault)
{
    struct token_list fresh = {0};
    enum tc_error error = read_file(auth->path, &fresh, fault);
    if (error == TC_OK) {
        (void)pthread_rwlock_wrlock(&auth->lock);
        struct token_list old = auth->tokens;
        auth->tokens = fresh;
        (void)pthread_rwlock_unlock(&auth->lock);
        fresh = old;
    }
    free(fresh.items);
    return error;
}

/* Compares with every token, so that the time does not depend on which one matches. */
static bool find_user(struct http_auth *auth, const unsigned char *digest, char user[static TC_ID_SIZE])
{
    bool found = false;
    (void)pthread_rwlock_rdlock(&auth->lock);
    for (size_t i = 0; i < auth->tokens.count; i++) {
        const struct token *token = &auth->tokens.items[i];
        if (sodium_memcmp(token->digest, digest, sizeof token->digest) != 0)
            continue;
        memcpy(user, token->user, TC_ID_SIZE);
        found = true;
    }
    (void)pthread_rwlock_unlock(&auth->lock);
    return found;
}

enum tc_error http_auth_check(struct http_auth *auth, const char *authorization, char user[static TC_ID_SIZE],
                              struct tc_fault *fault)
{
    static const char scheme[] = "Bearer ";
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return tc_fault_set(fault, TC_DENIED, "a bearer token must be given: \"Authorization: Bearer …\"");
    const char *token = authorization + sizeof scheme - 1;
    token += strspn(token, " ");
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, (const unsigned char *)token, strlen(token));
    if (auth == NULL || !find_user(auth, digest, user))
        return tc_fault_set(fault, TC_DENIED, "unknown token");
    return TC_OK;
}

bool http_auth_host_is_loopback(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; host != NULL && i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        if (strncasecmp(host, names[i], length) == 0 && (host[length] == '\0' || host[length] == ':'))
            return true;
    }
    return false;
}
