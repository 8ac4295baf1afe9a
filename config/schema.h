/* Schemas of maps: each is a table of keys, and a row has the name of a key, its reader, its bounds and its initial
 * value. Reading a tree by a schema gives canonical JSON: initial values are written, except those of keys that were
 * added later; durations are in seconds, sizes in bytes, times in UTC. Unknown keys, missing keys and wrong values
 * become faults; the reading goes on, and the JSON lacks the wrong values. A reading belongs to one thread. */
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
    bool refused;         /* a value is missing, and a fault was added for it before this reading */
};

/* Reads a value. Returns a new reference, or NULL after adding a fault. */
typedef json_t *schema_reader(struct schema_reading *reading, const struct schema_key *key,
                              const struct tree_node *node);

#define SCHEMA_REQUIRED NULL
#define SCHEMA_NOTHING ""   /* a missing key is not written */
#define SCHEMA_DEFAULTS "{" /* a missing map is read as an empty one */

struct schema_key {
    const char *name;
    schema_reader *read;
    const char *initial;           /* one of the three above, or canonical JSON */
    int64_t least, most;           /* of numbers, of a text's bytes, of a list's or map's members */
    const char *allowed;           /* of a choice: words joined by '|' */
    const struct schema *map;      /* of a map */
    const struct schema_key *item; /* of a list or a dictionary */
    bool later; /* added to the language later: its initial value is not written, so that earlier documents, which were
                   signed by their digest, keep their canonical form. Readers know the initial value */
};

/* Reads a map with the keys of key->map. Members with faults are left out. */
json_t *schema_read_map(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node);
/* Reads a list of key->item with least to most members; members with faults are null. Texts may not repeat. */
json_t *schema_read_list(struct schema_reading *reading, const struct schema_key *key, const struct tree_node *node);

/* Texts. schema_read_text: least to most bytes; control characters only in a text of several lines. */
schema_reader schema_read_text;
schema_reader schema_read_name; /* name_is_valid */
schema_reader schema_read_id;   /* id_is_valid */
schema_reader schema_read_choice;
schema_reader schema_read_zone;
schema_reader schema_read_url;
schema_reader schema_read_sha256;
/* Reads a map of names to texts of at most 256 bytes. */
schema_reader schema_read_labels;
/* Reads a map of names to names, such as the versions of a device. */
schema_reader schema_read_versions;
/* Reads a map of at most `most` names to values of key->item. */
schema_reader schema_read_dictionary;

/* Numbers. Integers and booleans are written without quotes. */
schema_reader schema_read_integer;
schema_reader schema_read_boolean;
schema_reader schema_read_duration;   /* whole seconds; least and most in seconds */
schema_reader schema_read_size;       /* bytes */
schema_reader schema_read_percentage; /* least and most in 1/10000 of a percent; gives a number, such as 2 or 2.5 */
schema_reader schema_read_amount;     /* an integer, or a percentage with its sign as {"percentage": 2.5} */
schema_reader schema_read_decimal;    /* least and most in 1/10000 */

/* Times. */
schema_reader schema_read_time;         /* RFC 3339; the result is in UTC */
schema_reader schema_read_date_or_time; /* a date stays a date: it is a day in a zone that is not known here */
schema_reader schema_read_weekday;      /* 1 is Monday */
schema_reader schema_read_time_of_day;

/* Reads any JSON object whose compact text has at most `most` bytes. */
schema_reader schema_read_object;

/* Adds a fault at a node, with the path of the reading. */
void schema_fault(struct schema_reading *reading, const struct tree_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds "found …, allowed: {allowed}", unless the node already has a fault. Always returns NULL. */
json_t *schema_fault_value(struct schema_reading *reading, const struct tree_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
