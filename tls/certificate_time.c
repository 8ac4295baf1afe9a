#include "tls/certificate_time.h"

#include "base/clock.h"

#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdatomic.h>

#define UNKNOWN INT64_MIN

enum { MS_PER_SECOND = 1000, FAILED = -1 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int taken_over = FAILED;
static _Atomic int64_t offset_ms = UNKNOWN; /* of the time to clock_boot_ms */

/* OpenSSL calls this for each verification, on the thread that verifies, when the context is complete and nothing is
 * checked yet. A context of a later release that is not complete here keeps the time of the system: then a wrong clock
 * refuses, and never accepts. */
static void set_time(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long number, void *pointer)
{
    (void)ptr, (void)data, (void)index, (void)number, (void)pointer;
    X509_STORE_CTX *verification = parent;
    int64_t offset = atomic_load(&offset_ms);
    if (X509_STORE_CTX_get0_param(verification) == NULL)
        return;
    if (offset == UNKNOWN)
        X509_STORE_CTX_set_flags(verification, X509_V_FLAG_NO_CHECK_TIME);
    else
        X509_STORE_CTX_set_time(verification, 0, (time_t)((clock_boot_ms() + offset) / MS_PER_SECOND));
}

static void take_over(void)
{
    taken_over = X509_STORE_CTX_get_ex_new_index(0, NULL, set_time, NULL, NULL);
}

enum tc_error certificate_time_take_over(struct tc_fault *fault)
{
    (void)pthread_once(&once, take_over);
    if (taken_over == FAILED)
        return tc_fault_set(fault, TC_INTERNAL, "OpenSSL gives no index for the time of certificates");
    return TC_OK;
}

void certificate_time_set(int64_t now_ms)
{
    atomic_store(&offset_ms, now_ms - clock_boot_ms());
}

void certificate_time_forget(void)
{
    atomic_store(&offset_ms, UNKNOWN);
}
