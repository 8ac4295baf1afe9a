/* A language of maps, laid out as tables of keys: one row says a key's name, how its value is read, what
 * is allowed and what it is when left out. Reading a tree by a schema gives canonical JSON: every default
 * written out but those of keys added later, durations in seconds, sizes in bytes, times in UTC. Unknown and missing
 * keys and wrong values become faults, all of them; the JSON then lacks what was wrong. One thread a reading. */
#ifndef TELLERCAST_CONFIG_SCHEMA_H
#define TELLERCAST_CONFIG_SCHEMA_H

#include "config/document.h"
#include "config/key_path.h"
#include "config/tree.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct schema_key;

struct schema {
    const struct schema_key *keys;
    size_t count;
};

struct schema_reading {
    struct document_faults *faults;
    struct key_path path; /* of the value being read */
    bool refused;         /* a value is missing that had its fault before the reading */
};

/* Reads a value; a new reference, or NULL after it added a fault. */
typedef json_t *schema_reader(struct schema_reading *reading, const struct schema_key *key,
                              const struct tree_node *node);

#define SCHEMA_REQUIRED NULL
#define SCHEMA_NOTHING ""   /* what is left out is not written */
#define SCHEMA_DEFAULTS "{" /* a map that is left out is read as an empty one */

struct schema_key {
    const char *name;
    schema_reader *read;
    const char *initial;           /* one of the three above, or canonical JSON */
    int64_t least, most;           /* of numbers, of a text's bytes, of a list's or map's members */
    const char *allowed;           /* of a choice: words joined by '|' */
    const struct schema *map;      /* of a map */
    const struct schema_key *item; /* of a list or a dictionary */
    bool later; /* added to the language after it was first used: with its initial value it is not written, so that
                 * what was read before, and signed by its digest, reads the same; its readers know the initial value */
};

/* A map of the keys of key->map. Members with faults are missing from it. */
json_t *schema_read_map(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node);
/* A list, least to most long, of key->item; members with faults are null. Texts may not repeat. */
json_t *schema_read_list(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node);

/* Texts. text: least to most bytes, no control characters but in a text of several lines. */
schema_reader schema_read_text;
schema_reader schema_read_name; /* name_is_valid */
schema_reader schema_read_id;   /* id_is_valid */
schema_reader schema_read_choice;
schema_reader schema_read_zone;
schema_reader schema_read_url;
schema_reader schema_read_sha256;
/* A map of names to texts of at most 256 bytes. */
schema_reader schema_read_labels;
/* A map of names to names, as the versions that a device has. */
schema_reader schema_read_versions;
/* A map of at most `most` names to what key->item reads. */
schema_reader schema_read_dictionary;

/* Numbers. Integers and booleans are written without quotes. */
schema_reader schema_read_integer;
schema_reader schema_read_boolean;
schema_reader schema_read_duration;   /* whole seconds; least and most in seconds */
schema_reader schema_read_size;       /* bytes */
schema_reader schema_read_percentage; /* least and most in 1/10000 of a percent; a number, as 2 or 2.5 */
schema_reader schema_read_amount;     /* an integer, or a percentage with its sign as {"percentage": 2.5} */
schema_reader schema_read_decimal;    /* least and most in 1/10000 */

/* Times. */
schema_reader schema_read_time;         /* RFC 3339; given in UTC */
schema_reader schema_read_date_or_time; /* a date stays one: it is a day in a zone not known here */
schema_reader schema_read_weekday;      /* 1 is Monday */
schema_reader schema_read_time_of_day;

/* Any JSON object whose compact text has at most `most` bytes. */
schema_reader schema_read_object;

/* Adds a fault at a node, with the reading's path. */
void schema_fault(struct schema_reading *reading, const struct tree_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds `found …, allowed: {allowed}`, unless the node was refused already. Always NULL. */
json_t *schema_fault_value(struct schema_reading *reading, const struct tree_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
