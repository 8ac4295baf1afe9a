# Makes C of the statements: statements.h has, for each statement of queries/, a structure of its parameters, a structure
# of its rows and a function that runs it; statements.c has the texts of statements and migrations. For tests,
# prepared/*.sql has each statement as it is given to the server. docs/decisions/0040 has the reasons.
#
#   cmake -DFOLDER=orchestrator/store -DOUTPUT=generated -DVOCABULARIES=FILES [-DNEXT=FOLDER] -P EmbedSql.cmake
#
# NEXT: a folder of migrations of a version to come.

cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/Vocabulary.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/Statement.cmake)

# The last migration that was written before there were constants. It and those before it stay as they are.
set(LAST_WITHOUT_CONSTANTS 0014)

# quote(TEXT VARIABLE): the text as a C literal, a line of text a line.
function(quote text variable)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
    set(${variable} "\"${text}\"" PARENT_SCOPE)
endfunction()

foreach(file IN LISTS VOCABULARIES)
    read_vocabulary(${file})
endforeach()

set(names "")        # of enum sql
set(structures "")   # of statements.h
set(functions "")
set(tables "")       # of statements.c: the fields of structures
set(rows "")         # the statements themselves

read_structures(${FOLDER}/queries/structures.txt)
file(GLOB_RECURSE statements ${FOLDER}/queries/*.sql)
list(SORT statements COMPARE FILE_BASENAME)
set(name "")
foreach(file IN LISTS statements)
    set(before "${name}")
    get_filename_component(name ${file} NAME_WE)
    if(name STREQUAL before)
        message(FATAL_ERROR "${file}: another folder has a statement of this name")
    endif()
    add_statement(${file} ${name})
endforeach()

file(GLOB migrations ${FOLDER}/migrations/*.sql)
if(NEXT)
    file(GLOB next ${NEXT}/*.sql)
endif()
list(SORT migrations)
list(SORT next)
set(steps "")
set(count 0)
foreach(file IN LISTS migrations next)
    get_filename_component(name ${file} NAME_WE)
    file(READ ${file} text)
    if(name STRGREATER "${LAST_WITHOUT_CONSTANTS}_~")
        put_constants(text ${file})
    endif()
    quote("${text}" text)
    string(APPEND steps "    {\"${name}\", ${text}},\n")
    math(EXPR count "${count} + 1")
endforeach()

file(WRITE ${OUTPUT}/statements.h "/* Made from queries/ and migrations/ by cmake/EmbedSql.cmake. */
#ifndef TELLERCAST_STORE_STATEMENTS_H
#define TELLERCAST_STORE_STATEMENTS_H

#include \"orchestrator/store/statement.h\"

enum sql {
${names}    SQL_COUNT
};

extern const struct sql_statement sql_statements[SQL_COUNT];

struct sql_migration {
    const char *name, *text;
};

#define MIGRATION_COUNT ${count}
extern const struct sql_migration sql_migrations[MIGRATION_COUNT];

${structures}${functions}#endif
")
file(WRITE ${OUTPUT}/statements.c "#include \"statements.h\"

#include <stddef.h>

${tables}const struct sql_statement sql_statements[SQL_COUNT] = {
${rows}};

const struct sql_migration sql_migrations[MIGRATION_COUNT] = {
${steps}};
")
