#include "tests/unit/markup_check.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MOST = 64, NAME_SIZE = 32 };

struct open_elements {
    char names[DEPTH_MOST][NAME_SIZE];
    int depth;
};

static bool refuse(const char *what, const char *at)
{
    (void)fprintf(stderr, "%s: %.60s\n", what, at);
    return false;
}

static bool is_reference(const char *at)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strncmp(at, known[i], strlen(known[i])) == 0)
            return true;
    }
    return false;
}

/* Reads the attributes after an element's name. Returns the '>' after them; NULL when an attribute is wrong. */
static const char *skip_attributes(const char *at)
{
    while (*at != '>' && strncmp(at, "/>", 2) != 0) {
        at += strspn(at, " \n");
        if (*at == '>' || strncmp(at, "/>", 2) == 0)
            break;
        size_t name = strcspn(at, "= \n<>");
        if (name == 0 || at[name] != '=' || at[name + 1] != '"')
            return NULL;
        at += name + 2;
        for (; *at != '"'; at++) {
            if (*at == '\0' || *at == '<' || (*at == '&' && !is_reference(at)))
                return NULL;
        }
        at++;
    }
    return at;
}

/* Reads the start or end tag of an element from its '<'. Returns the text after it, or NULL. */
static const char *read_element(const char *at, struct open_elements *open)
{
    bool ends = at[1] == '/';
    const char *name = at + 1 + ends;
    size_t length = strcspn(name, " \n>/");
    if (length == 0 || length >= NAME_SIZE)
        return NULL;
    if (ends) {
        bool same = open->depth > 0 && strlen(open->names[open->depth - 1]) == length &&
                    memcmp(open->names[open->depth - 1], name, length) == 0 && name[length] == '>';
        open->depth--;
        return same ? name + length + 1 : NULL;
    }
    const char *end = skip_attributes(name + length);
    if (end == NULL || *end == '/')
        return end == NULL ? NULL : end + 2;
    bool empty = length == strlen("meta") && memcmp(name, "meta", length) == 0;
    if (!empty) {
        if (open->depth == DEPTH_MOST)
            return NULL;
        memcpy(open->names[open->depth], name, length);
        open->names[open->depth++][length] = '\0';
    }
    return end + 1;
}

bool markup_is_well_formed(const char *text)
{
    struct open_elements open = {0};
    const char *at = text;
    while (*at != '\0') {
        const char *begin = at;
        if (strncmp(at, "<?xml", 5) == 0 || strncmp(at, "<!DOCTYPE", 9) == 0)
            at = strchr(at, '>') + 1;
        else if (*at == '<')
            at = read_element(at, &open);
        else if (*at == '&' && !is_reference(at))
            return refuse("no reference", at);
        else
            at++;
        if (at == NULL)
            return refuse("no element", begin);
    }
    return open.depth == 0 || refuse("not ended", open.names[open.depth - 1]);
}
