#include "topics/base64url.h"

#include <sodium.h>

enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

/* Whole groups, so that pieces can be joined: 3 bytes are 4 characters. */
enum { PIECE_BYTES = 768, PIECE_CHARACTERS = 1024 };

void base64url_put(struct buffer *out, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;
    char piece[PIECE_CHARACTERS + 1];
    while (length > 0) {
        size_t size = length < PIECE_BYTES ? length : PIECE_BYTES;
        (void)sodium_bin2base64(piece, sizeof piece, from, size, VARIANT);
        buffer_put_text(out, piece);
        from += size;
        length -= size;
    }
}

bool base64url_read(const char *text, size_t length, struct buffer *out)
{
    size_t before = out->length;
    unsigned char piece[PIECE_BYTES];
    do {
        size_t size = length < PIECE_CHARACTERS ? length : PIECE_CHARACTERS;
        size_t read;
        if (sodium_base642bin(piece, sizeof piece, text, size, NULL, &read, NULL, VARIANT) != 0) {
            out->length = before;
            return false;
        }
        buffer_put(out, piece, read);
        text += size;
        length -= size;
    } while (length > 0);
    return true;
}

size_t base64url_size(size_t length)
{
    return (length * 4 + 2) / 3;
}
