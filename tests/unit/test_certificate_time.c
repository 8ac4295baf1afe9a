#include "tls/certificate_time.h"

#include "base/clock.h"
#include "tests/unit/made_certificate.h"

#include <openssl/x509_vfy.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DAY_S 86400L
#define MS_PER_SECOND INT64_C(1000)

/* Verifies as a library does that knows nothing of ours. Returns X509_V_OK, or what is wrong. */
static int verify(const struct authority *trusted, X509 *certificate)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    assert_true(X509_STORE_add_cert(store, trusted->certificate));
    assert_true(X509_STORE_CTX_init(context, store, certificate, NULL));
    assert_true(X509_STORE_CTX_set_default(context, "ssl_server"));
    int accepted = X509_verify_cert(context);
    int error = X509_STORE_CTX_get_error(context);
    assert_int_equal(accepted == 1, error == X509_V_OK);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return error;
}

/* Verifies a certificate of these days, signed by the authority that is trusted. */
static int verify_dated(long from_s, long to_s)
{
    struct authority authority = made_authority();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = made_certificate(key, "server", from_s, to_s, &authority);
    int error = verify(&authority, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
    free_authority(&authority);
    return error;
}

static void take_over(void)
{
    struct tc_fault fault;
    assert_int_equal(certificate_time_take_over(&fault), TC_OK);
}

/* The first test: the others take over for the rest of the process. */
static void a_program_that_does_not_take_over_checks_dates_by_its_own_clock(void **state)
{
    (void)state;
    assert_int_equal(verify_dated(-DAY_S, DAY_S), X509_V_OK);
    assert_int_equal(verify_dated(-2 * DAY_S, -DAY_S), X509_V_ERR_CERT_HAS_EXPIRED);
    certificate_time_set(clock_now_ms() - DAY_S * MS_PER_SECOND * 3 / 2);
    assert_int_equal(verify_dated(-2 * DAY_S, -DAY_S), X509_V_ERR_CERT_HAS_EXPIRED);
}

static void as_long_as_the_time_is_not_known_no_date_is_wrong(void **state)
{
    (void)state;
    take_over();
    certificate_time_forget();
    assert_int_equal(verify_dated(-DAY_S, DAY_S), X509_V_OK);
    assert_int_equal(verify_dated(-2 * DAY_S, -DAY_S), X509_V_OK);
    assert_int_equal(verify_dated(DAY_S, 2 * DAY_S), X509_V_OK);
}

static void as_long_as_the_time_is_not_known_another_authority_is_still_refused(void **state)
{
    (void)state;
    take_over();
    certificate_time_forget();
    struct authority trusted = made_authority(), other = made_authority();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = made_certificate(key, "server", -DAY_S, DAY_S, &other);
    assert_int_not_equal(verify(&trusted, certificate), X509_V_OK);
    X509_free(certificate);
    EVP_PKEY_free(key);
    free_authority(&trusted);
    free_authority(&other);
}

static void once_the_time_is_set_it_counts_in_place_of_the_machine_s_clock(void **state)
{
    (void)state;
    take_over();
    certificate_time_set(clock_now_ms() - 30 * DAY_S * MS_PER_SECOND);
    assert_int_equal(verify_dated(-DAY_S, DAY_S), X509_V_ERR_CERT_NOT_YET_VALID);
    assert_int_equal(verify_dated(-31 * DAY_S, -29 * DAY_S), X509_V_OK);
    certificate_time_set(clock_now_ms() + 30 * DAY_S * MS_PER_SECOND);
    assert_int_equal(verify_dated(-DAY_S, DAY_S), X509_V_ERR_CERT_HAS_EXPIRED);
    assert_int_equal(verify_dated(29 * DAY_S, 31 * DAY_S), X509_V_OK);
    certificate_time_forget();
    assert_int_equal(verify_dated(29 * DAY_S, 31 * DAY_S), X509_V_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_that_does_not_take_over_checks_dates_by_its_own_clock),
        cmocka_unit_test(as_long_as_the_time_is_not_known_no_date_is_wrong),
        cmocka_unit_test(as_long_as_the_time_is_not_known_another_authority_is_still_refused),
        cmocka_unit_test(once_the_time_is_set_it_counts_in_place_of_the_machine_s_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
