/* Runs a fuzz target over every file of the folders named, as an ordinary test and without libFuzzer. */
#include <dirent.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

enum { INPUT_MAX = 1 << 21 };

/* Copies the file to a block of its exact size, so that a sanitizer detects reading one byte too many. */
static int run_file(const char *path)
{
    static uint8_t content[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    size_t length = fread(content, 1, sizeof content, file);
    (void)fclose(file);
    uint8_t *exact = malloc(length == 0 ? 1 : length);
    if (exact == NULL)
        return -1;
    for (size_t i = 0; i < length; i++)
        exact[i] = content[i];
    (void)LLVMFuzzerTestOneInput(exact, length);
    free(exact);
    return 0;
}

static int run_folder(const char *path, int *count)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return -1;
    }
    int result = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL && result == 0; entry = readdir(folder)) {
        char file[PATH_MAX];
        if (entry->d_name[0] == '.')
            continue;
        int length = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        result = length < 0 || (size_t)length >= sizeof file ? -1 : run_file(file);
        (*count)++;
    }
    (void)closedir(folder);
    return result;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        if (run_folder(argv[i], &count) != 0)
            return EXIT_FAILURE;
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    (void)printf("%d inputs\n", count);
    return count == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
