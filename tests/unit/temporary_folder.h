/* A folder for one test, in the system's temporary folder. */
#ifndef TELLERCAST_TESTS_UNIT_TEMPORARY_FOLDER_H
#define TELLERCAST_TESTS_UNIT_TEMPORARY_FOLDER_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEMPORARY_NAME_SIZE = 64 };

struct temporary_folder {
    char path[TEMPORARY_NAME_SIZE];
};

/* A template for mkstemp or mkdtemp; `name` has at most 20 letters. */
static inline void temporary_name(const char *name, char template[static TEMPORARY_NAME_SIZE])
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(template, TEMPORARY_NAME_SIZE, "%.30s/%.20s-XXXXXX", parent == NULL ? "/tmp" : parent, name);
}

static inline void temporary_folder_make(struct temporary_folder *folder)
{
    temporary_name("tellercast-test", folder->path);
    if (mkdtemp(folder->path) == NULL)
        abort();
}

static inline int temporary_folder_remove_one(const char *path, const struct stat *state, int kind, struct FTW *place)
{
    (void)state, (void)kind, (void)place;
    return remove(path);
}

static inline void temporary_folder_remove(const struct temporary_folder *folder)
{
    enum { OPEN_FOLDERS = 8 };
    (void)nftw(folder->path, temporary_folder_remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}

static int temporary_files_found;

static inline int temporary_folder_count_one(const char *path, const struct stat *state, int kind, struct FTW *place)
{
    (void)path, (void)state, (void)place;
    temporary_files_found += kind == FTW_F;
    return 0;
}

/* Returns the number of files in the folder and below. One thread. */
static inline int temporary_folder_count_files(const struct temporary_folder *folder)
{
    enum { OPEN_FOLDERS = 8 };
    temporary_files_found = 0;
    if (nftw(folder->path, temporary_folder_count_one, OPEN_FOLDERS, FTW_PHYS) != 0)
        abort();
    return temporary_files_found;
}

/* The path of `name` in the folder. */
static inline const char *temporary_path(const struct temporary_folder *folder, const char *name,
                                         char path[static PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, "%s/%s", folder->path, name);
    return path;
}

#endif
