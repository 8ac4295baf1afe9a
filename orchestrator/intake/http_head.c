#include "orchestrator/intake/http_head.h"

#include "base/fault.h"

#include <string.h>
#include <strings.h>

enum { LENGTH_DIGITS_MAX = 18, TARGET_MAX = 8192, LINE_END = 2 };

/* A piece of the head. */
struct span {
    const char *at;
    size_t length;
};

static bool refuse(struct http_head_fault *fault, int status, const char *text)
{
    *fault = (struct http_head_fault){status, text};
    return false;
}

bool http_is_token_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!http_is_token_character(text.at[i]))
            return false;
    }
    return text.length > 0;
}

static bool is_visible(char c)
{
    return c > ' ' && c < 0x7f;
}

static bool equals(struct span text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.at, word, text.length) == 0;
}

/* ---- the end of the head ---- */

enum http_head_state http_head_find_end(const char *bytes, size_t count, size_t seen, size_t *length,
                                        struct http_head_fault *fault)
{
    for (size_t i = seen; i < count; i++) {
        bool after_return = i > 0 && bytes[i - 1] == '\r';
        if (i == HTTP_HEAD_MAX) {
            (void)refuse(fault, 431, "the head of a request must not be larger than 16,384 bytes");
            return HTTP_HEAD_REFUSED;
        }
        if (after_return != (bytes[i] == '\n')) {
            (void)refuse(fault, 400, "a line must end in CR LF, and CR and LF must not be within it");
            return HTTP_HEAD_REFUSED;
        }
        if (bytes[i] == '\n' && i >= 3 && bytes[i - 2] == '\n') {
            *length = i + 1;
            return HTTP_HEAD_WHOLE;
        }
    }
    return HTTP_HEAD_MORE;
}

/* ---- the request line ---- */

/* Cuts the text before the next space off; the whole when there is none. */
static struct span cut_word(struct span *rest)
{
    const char *space = memchr(rest->at, ' ', rest->length);
    struct span word = {rest->at, space == NULL ? rest->length : (size_t)(space - rest->at)};
    size_t taken = word.length + (space != NULL);
    *rest = (struct span){rest->at + taken, rest->length - taken};
    return word;
}

static bool check_version(struct span version, bool *is_1_1, struct http_head_fault *fault)
{
    static const char form[] = "HTTP/d.d";
    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool fits = version.length == sizeof form - 1 &&
                    (form[i] == 'd' ? version.at[i] >= '0' && version.at[i] <= '9' : version.at[i] == form[i]);
        if (!fits)
            return refuse(fault, 400, "the request line must be METHOD target HTTP/1.1, with single spaces");
    }
    *is_1_1 = version.at[sizeof form - 2] == '1';
    if (memcmp(version.at, "HTTP/1.0", version.length) != 0 && memcmp(version.at, "HTTP/1.1", version.length) != 0)
        return refuse(fault, 505, "the version must be HTTP/1.1 or HTTP/1.0");
    return true;
}

static bool check_request_line(struct span line, bool *is_1_1, struct http_head_fault *fault)
{
    struct span method = cut_word(&line), target = cut_word(&line);
    if (!is_token(method) || target.length == 0)
        return refuse(fault, 400, "the request line must be METHOD target HTTP/1.1, with single spaces");
    for (size_t i = 0; i < target.length; i++) {
        if (!is_visible(target.at[i]))
            return refuse(fault, 400, "the request target must be of visible ASCII characters");
    }
    if (target.length > TARGET_MAX)
        return refuse(fault, 414, "the request target must not be longer than 8,192 bytes");
    return check_version(line, is_1_1, fault);
}

/* ---- the fields ---- */

/* Those that decide about the framing, and about who asks. */
struct seen {
    bool host, length, coding, authorization;
};

static bool take_host(struct span value, struct seen *seen, struct http_head_fault *fault)
{
    if (seen->host)
        return refuse(fault, 400, "Host must be given once");
    seen->host = true;
    for (size_t i = 0; i < value.length; i++) {
        if (!is_visible(value.at[i]) || strchr("\"#/<>?@\\^`{|},", value.at[i]) != NULL)
            return refuse(fault, 400, "Host must be a host, and a port when it is not the usual one");
    }
    return true;
}

static bool take_length(struct span value, struct seen *seen, struct http_head *head, struct http_head_fault *fault)
{
    if (seen->length)
        return refuse(fault, 400, "Content-Length must be given once");
    seen->length = true;
    head->length = 0;
    for (size_t i = 0; i < value.length; i++) {
        if (value.at[i] < '0' || value.at[i] > '9' || i == LENGTH_DIGITS_MAX)
            return refuse(fault, 400, "Content-Length must be a number of at most 18 digits");
        head->length = head->length * 10 + (value.at[i] - '0');
    }
    return value.length > 0 || refuse(fault, 400, "Content-Length must be a number of at most 18 digits");
}

static bool take_coding(struct span value, struct seen *seen, struct http_head *head, struct http_head_fault *fault)
{
    if (seen->coding)
        return refuse(fault, 400, "Transfer-Encoding must be given once");
    seen->coding = true;
    head->is_chunked = true;
    return equals(value, "chunked") || refuse(fault, 501, "Transfer-Encoding must be chunked");
}

/* Of two, one part of a chain could judge the first and another the second. */
static bool take_authorization(struct seen *seen, struct http_head_fault *fault)
{
    if (seen->authorization)
        return refuse(fault, 400, "Authorization must be given once");
    seen->authorization = true;
    return true;
}

static struct span trim(struct span text)
{
    while (text.length > 0 && (*text.at == ' ' || *text.at == '\t'))
        text = (struct span){text.at + 1, text.length - 1};
    while (text.length > 0 && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
        text.length--;
    return text;
}

static bool check_field(struct span line, struct seen *seen, struct http_head *head, struct http_head_fault *fault)
{
    const char *colon = memchr(line.at, ':', line.length);
    struct span name = {line.at, colon == NULL ? 0 : (size_t)(colon - line.at)};
    if (colon == NULL || !is_token(name))
        return refuse(fault, 400, "a header field must be NAME: value on one line, without a space before the colon");
    struct span value = trim((struct span){colon + 1, line.length - name.length - 1});
    for (size_t i = 0; i < value.length; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return refuse(fault, 400, "a header field must not have control characters");
    }
    if (equals(name, "Host"))
        return take_host(value, seen, fault);
    if (equals(name, "Authorization"))
        return take_authorization(seen, fault);
    if (equals(name, "Content-Length"))
        return take_length(value, seen, head, fault);
    return !equals(name, "Transfer-Encoding") || take_coding(value, seen, head, fault);
}

static bool check_framing(const struct seen *seen, bool is_1_1, struct http_head_fault *fault)
{
    if (is_1_1 && !seen->host)
        return refuse(fault, 400, "Host must be given");
    if (seen->coding && seen->length)
        return refuse(fault, 400, "Content-Length and Transfer-Encoding must not both be given");
    return is_1_1 || !seen->coding || refuse(fault, 400, "Transfer-Encoding needs HTTP/1.1");
}

/* Cuts the next line off. Every line ends in CR LF: http_head_find_end has seen it. */
static struct span cut_line(struct span *rest)
{
    const char *end = memchr(rest->at, '\r', rest->length);
    TC_CHECK(end != NULL);
    struct span line = {rest->at, (size_t)(end - rest->at)};
    *rest = (struct span){end + LINE_END, rest->length - line.length - LINE_END};
    return line;
}

bool http_head_check(const char *bytes, size_t length, struct http_head *head, struct http_head_fault *fault)
{
    *head = (struct http_head){0};
    struct span rest = {bytes, length};
    struct seen seen = {0};
    bool is_1_1 = false;
    if (!check_request_line(cut_line(&rest), &is_1_1, fault))
        return false;
    for (int count = 0;; count++) {
        struct span line = cut_line(&rest);
        if (line.length == 0)
            return check_framing(&seen, is_1_1, fault);
        if (count == HTTP_FIELDS_MAX)
            return refuse(fault, 431, "at most 64 header fields are allowed");
        if (!check_field(line, &seen, head, fault))
            return false;
    }
}
