/* Loaded before libc: the journal's writes and syncs fail as a broken or full disk makes them fail.

   Only files whose name contains `journal.db` are touched. Armed from within the process by `fail_disk`. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { NOTHING, WRITES, SYNCS };

static int failing = NOTHING; /* what fails */
static int error_number;
static int is_half;     /* the write that fails stores its first half */
static long calls;      /* since it was armed */
static long first_call; /* the one that fails; all after it fail, too */
static long sync_delay_ms;

void fail_disk(int what, long first, int error, int half) {
    failing = what;
    first_call = first;
    error_number = error;
    is_half = half;
    calls = 0;
}

long count_calls(void) { return calls; }

void delay_syncs(long delay_ms) { sync_delay_ms = delay_ms; }

static int is_journal(int file) {
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0) return 0;
    name[length] = 0;
    return strstr(name, "journal.db") != NULL;
}

static int fails(int what, int file) {
    if (failing != what || !is_journal(file)) return 0;
    calls++;
    return first_call > 0 && calls >= first_call;
}

#define REAL(type, name) type real = (type)dlsym(RTLD_NEXT, #name)

typedef ssize_t (*pwrite_call)(int, const void *, size_t, off_t);
typedef ssize_t (*write_call)(int, const void *, size_t);
typedef int (*sync_call)(int);

#define PWRITE(name)                                                            \
    ssize_t name(int file, const void *data, size_t size_bytes, off_t offset) { \
        REAL(pwrite_call, name);                                                \
        if (fails(WRITES, file)) {                                              \
            if (is_half && calls == first_call && size_bytes > 1)               \
                return real(file, data, size_bytes / 2, offset);                \
            errno = error_number;                                               \
            return -1;                                                          \
        }                                                                       \
        return real(file, data, size_bytes, offset);                            \
    }

PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int file, const void *data, size_t size_bytes) {
    REAL(write_call, write);
    if (fails(WRITES, file)) {
        errno = error_number;
        return -1;
    }
    return real(file, data, size_bytes);
}

#define SYNC(name)                                                                              \
    int name(int file) {                                                                        \
        REAL(sync_call, name);                                                                  \
        if (fails(SYNCS, file)) {                                                               \
            errno = error_number;                                                               \
            return -1;                                                                          \
        }                                                                                       \
        if (sync_delay_ms && is_journal(file)) {                                                \
            struct timespec delay = {sync_delay_ms / 1000, sync_delay_ms % 1000 * 1000000};     \
            nanosleep(&delay, NULL);                                                            \
        }                                                                                       \
        return real(file);                                                                      \
    }

SYNC(fsync)
SYNC(fdatasync)
