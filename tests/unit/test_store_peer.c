#include "orchestrator/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum verdict { ALLOWED, INSECURE, REFUSED }; /* INSECURE: with insecure_loopback alone */

static void a_server_is_used_by_a_socket_with_credentials_or_by_verified_tls(void **state)
{
    (void)state;
    static const struct {
        const char *connection;
        enum verdict verdict;
        const char *says;
    } rows[] = {
        {"dbname=bank", ALLOWED, ""},
        {"host=/run/postgresql user=x", ALLOWED, ""},
        {"host=@abstract", ALLOWED, ""},
        {"postgresql:///bank?host=/run/postgresql", ALLOWED, ""},
        {"host=127.0.0.1", INSECURE, "needs a password"},
        {"host=localhost user=x", INSECURE, "needs a password"},
        {"hostaddr=::1", INSECURE, "needs a password"},
        {"host=/run/postgresql hostaddr=127.0.0.1", INSECURE, "needs a password"},
        {"host=/run/postgresql,127.0.0.1", INSECURE, "needs a password"},
        {"postgresql://tc@127.0.0.1:5433/bank", INSECURE, "needs a password"},
        {"host=127.0.0.1 sslmode=verify-full", INSECURE, "needs a password"},
        {"host=127.0.0.1 password=x", ALLOWED, ""},
        {"host=127.0.0.1 passfile=/etc/pass", ALLOWED, ""},
        {"host=127.0.0.1 sslcert=/etc/c sslkey=/etc/k", ALLOWED, ""},
        {"host=db.bank.example password=x", REFUSED, "sslmode=verify-full"},
        {"host=db.bank.example passfile=/x sslmode=require", REFUSED, "sslmode=verify-full"},
        {"host=db.bank.example passfile=/x sslmode=verify-ca sslrootcert=/r", REFUSED, "sslmode=verify-full"},
        {"host=db.bank.example sslmode=verify-full sslrootcert=/r", REFUSED, "needs a password"},
        {"host=db.bank.example passfile=/x sslmode=verify-full sslrootcert=/r", ALLOWED, ""},
        {"hostaddr=192.0.2.1 password=x", REFUSED, "sslmode=verify-full"},
        {"host=localhost hostaddr=192.0.2.1 password=x", REFUSED, "sslmode=verify-full"},
        {"host=/run/postgresql hostaddr=192.0.2.1 password=x", REFUSED, "sslmode=verify-full"},
        {"host=127.0.0.1,db.bank.example password=x", REFUSED, "sslmode=verify-full"},
        {"host=,db.bank.example password=x", REFUSED, "sslmode=verify-full"},
        {"host=127.0.0.1.evil.example password=x", REFUSED, "sslmode=verify-full"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tc_fault fault = {0};
        bool is_refused = store_check_peer(rows[i].connection, false, &fault) == TC_DENIED;
        if (is_refused != (rows[i].verdict != ALLOWED) || strstr(fault.text, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].connection, fault.text);
        is_refused = store_check_peer(rows[i].connection, true, &fault) == TC_DENIED;
        if (is_refused != (rows[i].verdict == REFUSED))
            fail_msg("%s, with insecure_loopback: %s", rows[i].connection, fault.text);
    }
}

static void a_string_that_cannot_be_read_is_no_refused_server(void **state)
{
    (void)state;
    struct tc_fault fault;
    assert_int_equal(store_check_peer("host=127.0.0.1 password='pa", false, &fault), TC_INVALID);
}

static void a_service_is_refused_since_its_file_would_say_where_to_connect(void **state)
{
    (void)state;
    static const char *const strings[] = {"service=bank", "host=/run/postgresql service=bank",
                                          "postgresql:///bank?service=bank"};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct tc_fault fault;
        assert_int_equal(store_check_connection(strings[i], &fault), TC_INVALID);
        assert_non_null(strstr(fault.text, "service is not allowed"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_is_used_by_a_socket_with_credentials_or_by_verified_tls),
        cmocka_unit_test(a_string_that_cannot_be_read_is_no_refused_server),
        cmocka_unit_test(a_service_is_refused_since_its_file_would_say_where_to_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
