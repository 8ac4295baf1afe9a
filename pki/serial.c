#include "pki/serial.h"

#include <ctype.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

bool serial_format(const ASN1_INTEGER *number, char serial[static PKI_SERIAL_SIZE])
{
    BIGNUM *value = ASN1_INTEGER_to_BN(number, NULL);
    char *digits = value == NULL || BN_is_negative(value) ? NULL : BN_bn2hex(value);
    bool fits = digits != NULL && strlen(digits) < PKI_SERIAL_SIZE;
    if (fits)
        (void)snprintf(serial, PKI_SERIAL_SIZE, "%s", digits);
    OPENSSL_free(digits);
    BN_free(value);
    return fits;
}

static bool is_hexadecimal(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return false;
    }
    return length > 0 && length < PKI_SERIAL_SIZE;
}

ASN1_INTEGER *serial_parse(const char *serial)
{
    BIGNUM *value = NULL;
    if (!is_hexadecimal(serial) || BN_hex2bn(&value, serial) == 0)
        return NULL;
    ASN1_INTEGER *number = BN_to_ASN1_INTEGER(value, NULL);
    BN_free(value);
    return number;
}
