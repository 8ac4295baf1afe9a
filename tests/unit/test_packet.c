/* Sizes of PUBLISH packets, by hand from MQTT 5, 2.1 and 3.3. */
#include "topics/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void a_packet_is_its_header_its_topic_its_properties_and_its_payload(void **state)
{
    (void)state;
    assert_int_equal(packet_publish_size("a/b", 0, 0, 0), 2 + 2 + 3 + 1);
    assert_int_equal(packet_publish_size("a/b", 10, 1, 0), 2 + 2 + 3 + 2 + 1 + 10);
    assert_int_equal(packet_publish_size("a/b", 10, 1, 7), 2 + 2 + 3 + 2 + 1 + 7 + 10);
    assert_int_equal(packet_publish_size("a/b", 121, 0, 0), 2 + 127);
    assert_int_equal(packet_publish_size("a/b", 122, 0, 0), 3 + 128);
    assert_int_equal(packet_publish_size("a/b", 16377, 0, 0), 3 + 16383);
    assert_int_equal(packet_publish_size("a/b", 16378, 0, 0), 4 + 16384);
}

static void the_largest_payload_fits_and_four_bytes_more_do_not(void **state)
{
    (void)state;
    static const uint32_t limits[] = {20, 100, 127, 128, 131, 8000, 16386, 16387, 2097152, UINT32_MAX};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        size_t most = packet_payload_max(limits[i], "tc/v1/a");
        assert_true(packet_publish_size("tc/v1/a", most, 1, 0) <= limits[i]);
        assert_true(packet_publish_size("tc/v1/a", most + 4, 1, 0) > limits[i]);
    }
    assert_int_equal(packet_payload_max(5, "tc/v1/a"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_is_its_header_its_topic_its_properties_and_its_payload),
        cmocka_unit_test(the_largest_payload_fits_and_four_bytes_more_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
