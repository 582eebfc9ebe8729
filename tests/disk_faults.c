/* A library to preload: it records in FAULTS_LOG which calls reach the disk and in what order, and makes some fail or wait.

   FAULTS_FAIL=CALL:ERRNO:PART,...   the call fails with this number if its path contains PART (which may be empty)
   FAULTS_SLOW=CALL:SECONDS          the call waits before it is made */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void told(const char *call, const char *path) {
    static int log = -2;
    char line[8192];
    if (log == -2)
        log = getenv("FAULTS_LOG") ? open(getenv("FAULTS_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (log < 0)
        return;
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    ssize_t (*plain)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    plain(log, line, length < (int)sizeof line ? length : (int)sizeof line - 1);
}

static int fails(const char *call, const char *path) {
    const char *slow = getenv("FAULTS_SLOW"), *rule = getenv("FAULTS_FAIL");
    size_t length = strlen(call);
    if (slow && !strncmp(slow, call, length) && slow[length] == ':') {
        double seconds = atof(slow + length + 1);
        struct timespec wait = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
        while (nanosleep(&wait, &wait) && errno == EINTR)
            ;
    }
    for (; rule && *rule; rule = strchr(rule, ',') ? strchr(rule, ',') + 1 : "") {
        char name[32], part[1024] = "";
        int number = 0;
        if (sscanf(rule, "%31[^:]:%d:%1023[^,]", name, &number, part) >= 2 && !strcmp(name, call) && strstr(path, part)) {
            errno = number;
            return 1;
        }
    }
    return 0;
}

static const char *path_of(int fd) {
    static __thread char path[4096];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

#define BY_DESCRIPTOR(call)                                                                                            \
    int call(int fd) {                                                                                                 \
        const char *path = path_of(fd);                                                                                \
        told(#call, path);                                                                                             \
        if (fails(#call, path))                                                                                        \
            return -1;                                                                                                 \
        int (*plain)(int) = dlsym(RTLD_NEXT, #call);                                                                   \
        return plain(fd);                                                                                              \
    }

BY_DESCRIPTOR(syncfs)
BY_DESCRIPTOR(fsync)

#define BY_PATHS(call)                                                                                                 \
    int call(const char *from, const char *to) {                                                                       \
        told(#call, to);                                                                                               \
        if (fails(#call, to))                                                                                          \
            return -1;                                                                                                 \
        int (*plain)(const char *, const char *) = dlsym(RTLD_NEXT, #call);                                            \
        return plain(from, to);                                                                                        \
    }

BY_PATHS(rename)
BY_PATHS(link)

int unlink(const char *path) {
    int (*plain)(const char *) = dlsym(RTLD_NEXT, "unlink");
    return fails("unlink", path) ? -1 : plain(path);
}

DIR *opendir(const char *path) {
    DIR *(*plain)(const char *) = dlsym(RTLD_NEXT, "opendir");
    return fails("opendir", path) ? NULL : plain(path);
}

ssize_t read(int fd, void *data, size_t size) {
    ssize_t (*plain)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    return fails("read", path_of(fd)) ? -1 : plain(fd, data, size);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset) {
    ssize_t (*plain)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
    return fails("pread64", path_of(fd)) ? -1 : plain(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t (*plain)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (fd > 2) {
        const char *path = path_of(fd);
        if (*path == '/' && strncmp(path, "/dev/", 5)) {
            told("write", path);
            if (fails("write", path))
                return -1;
        }
    }
    return plain(fd, data, size);
}
