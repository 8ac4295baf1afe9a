#include "base/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PORT_DIGITS_MAX = 5, PORT_MAX = 65535 };

static const char letters_and_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

bool url_may_have_user(const char *text)
{
    return strchr(text, '@') != NULL;
}

static size_t scheme_length(const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return strlen(schemes[i]);
    }
    return 0;
}

static bool is_login(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte <= ' ' || byte == 0x7F || strchr("/?#@", byte) != NULL)
            return false;
        if (byte != '%')
            continue;
        bool is_escape =
            i + 2 < length && isxdigit((unsigned char)text[i + 1]) != 0 && isxdigit((unsigned char)text[i + 2]) != 0;
        if (!is_escape || strncmp(text + i, "%00", 3) == 0)
            return false;
    }
    return true;
}

/* Returns the length of a name, an IPv4 address, or an IPv6 address in brackets; 0: none of them. */
static size_t host_length(const char *text)
{
    if (*text != '[')
        return strspn(text, letters_and_digits) == 0 ? 0 : strcspn(text, ":/?#");
    char address[INET6_ADDRSTRLEN];
    struct in6_addr read;
    size_t length = strcspn(text + 1, "]");
    if (length >= sizeof address || text[1 + length] != ']')
        return 0;
    (void)snprintf(address, sizeof address, "%.*s", (int)length, text + 1);
    return inet_pton(AF_INET6, address, &read) == 1 ? length + 2 : 0;
}

static bool is_host(const char *text, size_t length)
{
    static const char more[] = "-._";
    for (size_t i = 0; i < length && *text != '['; i++) {
        if (strchr(letters_and_digits, text[i]) == NULL && strchr(more, text[i]) == NULL)
            return false;
    }
    return length > 0;
}

/* Reads an optional ":PORT". */
static bool read_port(const char **at)
{
    if (**at != ':')
        return true;
    const char *digits = *at + 1;
    size_t length = strspn(digits, "0123456789");
    *at = digits + length;
    if (length == 0 || length > PORT_DIGITS_MAX || (**at != '\0' && **at != '/'))
        return false;
    long port = strtol(digits, NULL, 10);
    return port > 0 && port <= PORT_MAX;
}

/* Checks "host[:port]"; sets `*end` to its end. */
static const char *find_fault_of_host(const char *host, const char **end)
{
    size_t length = host_length(host);
    if (!is_host(host, length))
        return "its host must be a name or an address, IPv6 in brackets";
    *end = host + length;
    return read_port(end) ? NULL : "its port must be a number from 1 to 65535";
}

const char *url_find_fault(const char *url)
{
    const char *scheme_end = strstr(url, "://"), *end;
    const char *problem = find_fault_of_host(scheme_end == NULL ? url : scheme_end + 3, &end);
    if (problem == NULL && *end != '\0' && *end != '/')
        problem = "only a path may follow the port";
    return problem;
}

static const char *find_fault_of_proxy(const char *url, struct url_proxy *proxy)
{
    size_t scheme = scheme_length(url);
    if (scheme == 0)
        return "its scheme is unknown";
    const char *login = url + scheme;
    const char *at_sign = strrchr(login, '@');
    const char *host = at_sign == NULL ? login : at_sign + 1;
    size_t login_length = at_sign == NULL ? 0 : (size_t)(at_sign - login);
    if (!is_login(login, login_length))
        return "a special character in its user or password must be percent-encoded: @ is %40, / is %2F, ? is %3F, "
               "# is %23, % is %25";
    const char *end, *problem = find_fault_of_host(host, &end);
    if (problem != NULL)
        return problem;
    if (strcmp(end, "") != 0 && strcmp(end, "/") != 0)
        return "nothing may follow its port; a special character in its user or password must be percent-encoded";
    size_t address_length = scheme + (size_t)(end - host);
    if (login_length >= sizeof proxy->login || address_length >= sizeof proxy->address)
        return "it is too long";
    (void)snprintf(proxy->login, sizeof proxy->login, "%.*s", (int)login_length, login);
    (void)snprintf(proxy->address, sizeof proxy->address, "%.*s%.*s", (int)scheme, url, (int)(end - host), host);
    return NULL;
}

enum tc_error url_read_proxy(const char *url, struct url_proxy *proxy, struct tc_fault *fault)
{
    const char *problem = find_fault_of_proxy(url, proxy);
    if (problem == NULL)
        return TC_OK;
    return tc_fault_set(fault, TC_INVALID, "%s; allowed: " URL_PROXY_ALLOWED, problem);
}
