#include "tls/exit.h"

#include "base/fault.h"

#include <openssl/crypto.h>

void tls_outlive_exit(void)
{
    TC_CHECK(OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) == 1);
}
