# Writes statements.h and statements.c: the text of each queries/*.sql and migrations/*.sql as constants. Migrations of a
# version to come are in the folder NEXT, if there is one.

function(quote file variable)
    file(READ ${file} text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
    set(${variable} "\"${text}\"" PARENT_SCOPE)
endfunction()

file(GLOB statements ${FOLDER}/queries/*.sql)
file(GLOB migrations ${FOLDER}/migrations/*.sql)
if(NEXT)
    file(GLOB next ${NEXT}/*.sql)
endif()
list(SORT statements)
list(SORT migrations)
list(SORT next)

set(names "")
set(rows "")
foreach(file IN LISTS statements)
    get_filename_component(name ${file} NAME_WE)
    string(TOUPPER "SQL_${name}" constant)
    quote(${file} text)
    string(APPEND names "    ${constant},\n")
    string(APPEND rows "    {\"${name}\", ${text}},\n")
endforeach()

set(steps "")
set(count 0)
foreach(file IN LISTS migrations next)
    get_filename_component(name ${file} NAME_WE)
    quote(${file} text)
    string(APPEND steps "    {\"${name}\", ${text}},\n")
    math(EXPR count "${count} + 1")
endforeach()

file(WRITE ${OUTPUT}/statements.h "/* Made from queries/ and migrations/. */
#ifndef TELLERCAST_STORE_STATEMENTS_H
#define TELLERCAST_STORE_STATEMENTS_H

enum sql {
${names}    SQL_COUNT
};

struct sql_text {
    const char *name, *text;
};

extern const struct sql_text sql_statements[SQL_COUNT];

#define MIGRATION_COUNT ${count}
extern const struct sql_text sql_migrations[MIGRATION_COUNT];

#endif
")
file(WRITE ${OUTPUT}/statements.c "#include \"statements.h\"

const struct sql_text sql_statements[SQL_COUNT] = {
${rows}};

const struct sql_text sql_migrations[MIGRATION_COUNT] = {
${steps}};
")
