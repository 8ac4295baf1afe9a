#include "topics/token_key.h"

#include "base/file.h"
#include "topics/base64url.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_FILE_MODE = 0600 };

struct signing_key {
    struct public_key public;
    unsigned char secret[crypto_sign_SECRETKEYBYTES];
    struct buffer header;
};

void token_start_sodium(void)
{
    TC_CHECK(sodium_init() >= 0);
}

/* The key's thumbprint (RFC 7638, RFC 8037 appendix A.3): an ID derived from the key. */
static void set_thumbprint_id(struct public_key *key)
{
    struct buffer text = {0};
    buffer_put_text(&text, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
    base64url_put(&text, key->bytes, sizeof key->bytes);
    buffer_put_text(&text, "\"}");
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, (const unsigned char *)text.bytes, text.length);
    buffer_clear(&text);
    base64url_put(&text, digest, sizeof digest);
    memcpy(key->id, text.bytes, text.length + 1);
    buffer_free(&text);
}

static void require_text(struct fields *fields, const char *name, const char *value)
{
    if (strcmp(fields_string(fields, name), value) != 0)
        fields_refuse(fields, name, "allowed: \"%s\"", value);
}

static void read_bytes(struct fields *fields, const char *name, unsigned char *bytes, size_t size)
{
    const char *text = fields_string(fields, name);
    struct buffer read = {0};
    if (!base64url_read(text, strlen(text), &read) || read.length != size)
        fields_refuse(fields, name, "allowed: base64url of %zu bytes, without padding", size);
    else
        memcpy(bytes, read.bytes, size);
    if (read.bytes != NULL)
        sodium_memzero(read.bytes, read.length);
    buffer_free(&read);
}

void public_key_read(struct fields *fields, struct public_key *key)
{
    require_text(fields, "kty", "OKP");
    require_text(fields, "crv", "Ed25519");
    if (fields_has(fields, "alg"))
        require_text(fields, "alg", "EdDSA");
    read_bytes(fields, "x", key->bytes, sizeof key->bytes);
    fields_name(fields, "kid", FIELD_OPTIONAL, key->id);
    if (key->id[0] == '\0')
        set_thumbprint_id(key);
}

static void put_public_members(struct buffer *document, const struct public_key *key)
{
    buffer_format(document,
                  "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"sig\",\"kid\":\"%s\",\"x\":\"",
                  key->id);
    base64url_put(document, key->bytes, sizeof key->bytes);
    buffer_put_text(document, "\"");
}

void token_header_put(const char *key_id, const char *type, struct buffer *header)
{
    struct buffer text = {0};
    buffer_format(&text, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"%s\"}", key_id, type);
    base64url_put(header, text.bytes, text.length);
    buffer_put_text(header, ".");
    buffer_free(&text);
}

static void read_private(struct fields *fields, struct signing_key *key)
{
    unsigned char seed[crypto_sign_SEEDBYTES] = {0};
    unsigned char derived[crypto_sign_PUBLICKEYBYTES];
    public_key_read(fields, &key->public);
    read_bytes(fields, "d", seed, sizeof seed);
    (void)crypto_sign_seed_keypair(derived, key->secret, seed);
    if (memcmp(derived, key->public.bytes, sizeof derived) != 0)
        fields_refuse(fields, "x", "is not the public half of \"d\"");
    sodium_memzero(seed, sizeof seed);
}

enum tc_error signing_key_parse(const char *document, size_t length, struct signing_key **key, struct tc_fault *fault)
{
    token_start_sodium();
    *key = calloc(1, sizeof **key);
    TC_CHECK(*key != NULL);
    struct fields fields;
    fields_open(&fields, document, length, KEY_FILE_MAX, fault);
    read_private(&fields, *key);
    enum tc_error error = fields_close(&fields);
    if (error == TC_OK) {
        token_header_put((*key)->public.id, TOKEN_TYPE_INSTRUCTION, &(*key)->header);
        return TC_OK;
    }
    signing_key_close(*key);
    *key = NULL;
    return error;
}

enum tc_error signing_key_open(const char *path, struct signing_key **key, struct tc_fault *fault)
{
    *key = NULL;
    struct buffer document = {0};
    enum tc_error error = file_read_private(path, KEY_FILE_MAX, &document, fault);
    if (error == TC_OK) {
        error = signing_key_parse(buffer_text(&document), document.length, key, fault);
        if (error != TC_OK)
            (void)tc_fault_context(fault, "%s", path);
    }
    if (document.bytes != NULL)
        sodium_memzero(document.bytes, document.length);
    buffer_free(&document);
    return error;
}

/* A link, unlike a rename, never takes the place of a file. */
static enum tc_error write_new_file(const char *path, const struct buffer *document, struct tc_fault *fault)
{
    struct buffer fresh = {0};
    buffer_format(&fresh, "%s.%d", path, (int)getpid());
    enum tc_error error = file_replace(fresh.bytes, document->bytes, document->length, KEY_FILE_MODE, fault);
    if (error == TC_OK) {
        if (link(fresh.bytes, path) != 0)
            error = tc_fault_set(fault, errno == EEXIST ? TC_CONFLICT : error_from_errno(errno),
                                 "%s: cannot create the file of the new key: %s", path, strerror(errno));
        (void)unlink(fresh.bytes);
    }
    buffer_free(&fresh);
    return error == TC_OK ? file_sync_folder_of(path, fault) : error;
}

enum tc_error signing_key_create(const char *path, struct tc_fault *fault)
{
    token_start_sodium();
    struct public_key public = {0};
    unsigned char secret[crypto_sign_SECRETKEYBYTES];
    do {
        (void)crypto_sign_keypair(public.bytes, secret);
        set_thumbprint_id(&public);
    } while (public.id[0] == '-'); /* a command line would take that for an option */

    struct buffer document = {0};
    buffer_put_text(&document, "{");
    put_public_members(&document, &public);
    buffer_put_text(&document, ",\"d\":\"");
    base64url_put(&document, secret, crypto_sign_SEEDBYTES);
    buffer_put_text(&document, "\"}\n");
    enum tc_error error = write_new_file(path, &document, fault);
    sodium_memzero(document.bytes, document.length);
    sodium_memzero(secret, sizeof secret);
    buffer_free(&document);
    return error;
}

void signing_key_close(struct signing_key *key)
{
    if (key == NULL)
        return;
    sodium_memzero(key->secret, sizeof key->secret);
    buffer_free(&key->header);
    free(key);
}

const char *signing_key_id(const struct signing_key *key)
{
    return key->public.id;
}

const char *signing_key_header(const struct signing_key *key)
{
    return key->header.bytes;
}

void public_key_write(const struct public_key *key, struct public_key_text *text)
{
    struct buffer x = {0};
    base64url_put(&x, key->bytes, sizeof key->bytes);
    TC_CHECK(x.length < sizeof text->x);
    memcpy(text->id, key->id, sizeof text->id);
    memcpy(text->x, x.bytes, x.length + 1);
    buffer_free(&x);
}

void signing_key_public(const struct signing_key *key, struct public_key_text *public)
{
    public_key_write(&key->public, public);
}

void signing_key_public_set(const struct signing_key *key, struct buffer *document)
{
    buffer_put_text(document, "{\"keys\":[{");
    put_public_members(document, &key->public);
    buffer_put_text(document, "}]}\n");
}

void signing_key_sign(const struct signing_key *key, const void *bytes, size_t length,
                      unsigned char signature[static SIGNATURE_SIZE])
{
    (void)crypto_sign_detached(signature, NULL, bytes, length, key->secret);
}
