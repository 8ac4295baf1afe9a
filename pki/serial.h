/* Private to pki/: serial numbers as text. */
#ifndef TELLERCAST_PKI_SERIAL_H
#define TELLERCAST_PKI_SERIAL_H

#include "pki/certificate.h"

/* False when the number is negative or has more than 20 bytes. */
bool serial_format(const ASN1_INTEGER *number, char serial[static PKI_SERIAL_SIZE]);

/* Returns the number as a new ASN1_INTEGER, or NULL when the text is not 1 to 40 hexadecimal digits. */
ASN1_INTEGER *serial_parse(const char *serial);

#endif
