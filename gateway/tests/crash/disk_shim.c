/* Stands between the server and the kernel: writes down, in one order, what goes to the data directory and what leaves
 * by a socket, and makes a disk fail or wait when a test says so.
 *
 * Loaded by LD_PRELOAD; built by shim.rs with `cc`. The order is that of a log file which the process maps: it outlives
 * SIGKILL. A send is written down before it begins, a sync after it has returned, so that "the sync stands before the
 * send" proves that the reply left later. Everything is looked up by file descriptor; nothing here knows journals,
 * except that faults hit files named *.journal alone.
 *
 * The control block at the head of the log is written by the test through the file.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LOG_BYTES = 768 << 20, HEAD_BYTES = 4096, PATH_BYTES = 1024 };

enum kind { WRITE = 1, WRITE_END, SYNC, SYNC_END, SEND, SEND_END, CREATE, RENAME, REMOVE, RESIZE };

/* Offsets in the head are known to shim.rs. */
struct head {
    _Atomic uint64_t end;         /* 0: first byte behind the last record */
    _Atomic uint32_t hold_sync;   /* 8: syncs of journals wait while it is 1 */
    _Atomic int32_t fail_sync;    /* 12: the next sync of a journal fails with this error */
    _Atomic int32_t fail_write;   /* 16: the next write to a journal fails with this error */
    _Atomic uint32_t short_write; /* 20: the next write to a journal takes this many bytes */
};

/* Followed by `bytes` of what was sent or written, `old_bytes` of what stood there before, `path_bytes` of the path. */
struct record {
    uint32_t kind;
    uint32_t path_bytes;
    uint64_t file;   /* inode; of a file, a directory or a socket */
    uint64_t offset; /* of a write; of an END: the position of the record that it ends */
    int64_t result;  /* of an END: what the call returned; of CREATE, RENAME, REMOVE: the inode of the directory */
    uint64_t size;   /* of the file before */
    uint64_t bytes;
    uint64_t old_bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct head *head;
static char *log_path;
static char *data_path;

static void die(const char *what) {
    fprintf(stderr, "disk shim: %s\n", what);
    abort();
}

__attribute__((constructor)) static void start(void) {
    log_path = getenv("DISK_SHIM_LOG");
    data_path = getenv("DISK_SHIM_DATA");
    if (!log_path || !data_path) die("DISK_SHIM_LOG and DISK_SHIM_DATA name the log and the data directory");
    int fd = syscall(SYS_openat, AT_FDCWD, log_path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0 || syscall(SYS_ftruncate, fd, (off_t)LOG_BYTES) != 0) die("the log cannot be opened");
    head = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (head == MAP_FAILED) die("the log cannot be mapped");
    syscall(SYS_close, fd);
    if (atomic_load(&head->end) == 0) atomic_store(&head->end, HEAD_BYTES);
}

static char *append(char *to, const void *bytes, size_t count) {
    if (count) memcpy(to, bytes, count);
    return to + count;
}

/* Writes a record down and gives its position. The end moves last: what a kill cuts off was not there. */
static uint64_t note(struct record record, const void *bytes, const void *old, const char *path) {
    record.path_bytes = path ? strlen(path) : 0;
    pthread_mutex_lock(&lock);
    uint64_t at = atomic_load(&head->end);
    uint64_t size = sizeof record + record.bytes + record.old_bytes + record.path_bytes;
    size = (size + 7) & ~7ull;
    if (at + size > LOG_BYTES) die("the log is full");
    char *to = append((char *)head + at, &record, sizeof record);
    to = append(to, bytes, record.bytes);
    to = append(to, old, record.old_bytes);
    append(to, path, record.path_bytes);
    atomic_store(&head->end, at + size);
    pthread_mutex_unlock(&lock);
    return at;
}

/* Whether a path is the data directory or below it. */
static int is_data(const char *path) {
    size_t len = strlen(data_path);
    return strncmp(path, data_path, len) == 0 && (path[len] == '/' || path[len] == 0);
}

/* The path of a descriptor; empty where it is outside the data directory. */
static void path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = syscall(SYS_readlink, link, path, PATH_BYTES - 1);
    path[len < 0 ? 0 : len] = 0;
    if (!is_data(path)) path[0] = 0;
}

static int is_journal(const char *path) {
    size_t len = strlen(path);
    return len > 8 && strcmp(path + len - 8, ".journal") == 0;
}

static int is_socket(int fd, uint64_t *file) {
    struct stat stat;
    if (fstat(fd, &stat) != 0 || !S_ISSOCK(stat.st_mode)) return 0;
    *file = stat.st_ino;
    return 1;
}

/* --- sockets --- */

static ssize_t sent(uint64_t file, uint64_t begun, ssize_t result) {
    int saved = errno;
    note((struct record){.kind = SEND_END, .file = file, .offset = begun, .result = result}, NULL, NULL, NULL);
    errno = saved;
    return result;
}

ssize_t sendto(int fd, const void *bytes, size_t count, int flags, const struct sockaddr *to, socklen_t to_len) {
    uint64_t file;
    if (!is_socket(fd, &file)) return syscall(SYS_sendto, fd, bytes, count, flags, to, to_len);
    uint64_t begun = note((struct record){.kind = SEND, .file = file, .bytes = count}, bytes, NULL, NULL);
    return sent(file, begun, syscall(SYS_sendto, fd, bytes, count, flags, to, to_len));
}

ssize_t send(int fd, const void *bytes, size_t count, int flags) { return sendto(fd, bytes, count, flags, NULL, 0); }

/* Sends the first piece alone: fewer bytes than given is an answer that every caller must understand. */
static ssize_t send_pieces(int fd, const struct iovec *pieces, int count) {
    for (int i = 0; i < count; i++)
        if (pieces[i].iov_len > 0) return sendto(fd, pieces[i].iov_base, pieces[i].iov_len, MSG_NOSIGNAL, NULL, 0);
    return 0;
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    uint64_t file;
    if (is_socket(fd, &file)) return send_pieces(fd, pieces, count);
    char path[PATH_BYTES];
    path_of(fd, path);
    if (path[0]) die("writev to the data directory is not written down");
    return syscall(SYS_writev, fd, pieces, count);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    uint64_t file;
    if (is_socket(fd, &file)) return send_pieces(fd, message->msg_iov, message->msg_iovlen);
    return syscall(SYS_sendmsg, fd, message, flags);
}

/* --- files --- */

static ssize_t write_down(int fd, const void *bytes, size_t count, off_t offset, const char *path) {
    struct stat stat;
    if (fstat(fd, &stat) != 0) die("a file without a state");
    struct record record = {.kind = WRITE, .file = stat.st_ino, .offset = offset, .size = stat.st_size, .bytes = count};
    char *old = malloc(count ? count : 1);
    ssize_t old_bytes = syscall(SYS_pread64, fd, old, count, offset);
    if (old_bytes < 0) {
        /* A file that was opened for writing alone. */
        old_bytes = 0;
    }
    record.old_bytes = old_bytes;
    uint64_t begun = note(record, bytes, old, path);
    free(old);
    size_t taken = count;
    int error = 0;
    if (is_journal(path)) {
        error = atomic_exchange(&head->fail_write, 0);
        uint32_t some = atomic_exchange(&head->short_write, 0);
        if (some && some < count) taken = some;
    }
    ssize_t result = error ? -1 : syscall(SYS_pwrite64, fd, bytes, taken, offset);
    if (!error && result < 0) error = errno;
    note((struct record){.kind = WRITE_END, .file = stat.st_ino, .offset = begun, .result = result}, NULL, NULL, NULL);
    errno = error;
    return result;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset) {
    char path[PATH_BYTES];
    path_of(fd, path);
    if (!path[0]) return syscall(SYS_pwrite64, fd, bytes, count, offset);
    return write_down(fd, bytes, count, offset, path);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return pwrite64(fd, bytes, count, offset); }

ssize_t write(int fd, const void *bytes, size_t count) {
    uint64_t file;
    if (is_socket(fd, &file)) return sendto(fd, bytes, count, 0, NULL, 0);
    char path[PATH_BYTES];
    path_of(fd, path);
    if (!path[0]) return syscall(SYS_write, fd, bytes, count);
    off_t offset = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    ssize_t result = write_down(fd, bytes, count, offset, path);
    if (result > 0) syscall(SYS_lseek, fd, offset + result, SEEK_SET);
    return result;
}

static int synced(int fd, long call) {
    char path[PATH_BYTES];
    path_of(fd, path);
    if (!path[0]) return syscall(call, fd);
    struct stat stat;
    if (fstat(fd, &stat) != 0) die("a file without a state");
    uint64_t begun = note((struct record){.kind = SYNC, .file = stat.st_ino, .size = stat.st_size}, NULL, NULL, path);
    int error = 0;
    if (is_journal(path)) {
        while (atomic_load(&head->hold_sync)) usleep(500);
        error = atomic_exchange(&head->fail_sync, 0);
    }
    int result = error ? -1 : syscall(call, fd);
    if (!error && result < 0) error = errno;
    note((struct record){.kind = SYNC_END, .file = stat.st_ino, .offset = begun, .result = result}, NULL, NULL, path);
    errno = error;
    return result;
}

int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int fsync(int fd) { return synced(fd, SYS_fsync); }

int ftruncate64(int fd, off_t size) {
    char path[PATH_BYTES];
    path_of(fd, path);
    struct stat stat;
    if (path[0] && fstat(fd, &stat) == 0)
        note((struct record){.kind = RESIZE, .file = stat.st_ino, .offset = size, .size = stat.st_size}, NULL, NULL, path);
    return syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* --- names --- */

static uint64_t directory_of(const char *path) {
    char above[PATH_BYTES];
    snprintf(above, sizeof above, "%s", path);
    char *slash = strrchr(above, '/');
    if (slash) *slash = 0;
    struct stat stat_above;
    return stat(above, &stat_above) == 0 ? stat_above.st_ino : 0;
}

/* Keeps what a name is about to lose, so that a test can give it back: under `<log>.<position of the record>`. */
static void keep(const char *path, uint64_t position) {
    char kept[PATH_BYTES];
    snprintf(kept, sizeof kept, "%s.%llu", log_path, (unsigned long long)position);
    syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0);
}

static uint64_t note_name(enum kind kind, const char *path, const char *other) {
    struct stat now = {0};
    stat(path, &now);
    struct record record = {.kind = kind, .file = now.st_ino, .result = directory_of(path), .bytes = other ? strlen(other) : 0};
    return note(record, other, NULL, path);
}

int openat64(int dir, const char *path, int flags, ...) {
    mode_t mode = 0;
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    struct stat before;
    int is_new = (flags & O_CREAT) && is_data(path) && stat(path, &before) != 0;
    int fd = syscall(SYS_openat, dir, path, flags, mode);
    if (is_new && fd >= 0) note_name(CREATE, path, NULL);
    return fd;
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    return openat64(AT_FDCWD, path, flags, mode);
}

int rename(const char *from, const char *to) {
    if (is_data(from)) keep(to, note_name(RENAME, from, to));
    return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path) {
    if (is_data(path)) keep(path, note_name(REMOVE, path, NULL));
    return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
