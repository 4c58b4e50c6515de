/*
 * Stands between the process and the C library, loaded with LD_PRELOAD: makes writes and syncs of chosen files fail, and
 * moves the clock of the day. The test steers it while the process runs, through a file that both map (shim.ts).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
  volatile int32_t write_errno; /* 0: writes succeed */
  volatile int32_t sync_errno;
  volatile int32_t skip;        /* matching calls that still succeed */
  volatile int32_t times;       /* matching calls that fail; below 0: all */
  volatile int32_t failed;      /* calls that have failed */
  volatile int32_t unused;
  volatile int64_t clock_ms;    /* added to the clock of the day */
  char path[256];               /* a part of the names of the files meant */
};

static struct control *control;

__attribute__((constructor)) static void map_control(void) {
  const char *path = getenv("FAULT_CONTROL");
  if (path == NULL) return;
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (at != MAP_FAILED) control = at;
}

static int is_meant(int file) {
  char link[64], name[1024];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, name, sizeof name - 1);
  if (length < 0) return 0;
  name[length] = 0;
  return strstr(name, control->path) != NULL;
}

/* Whether this call is to fail. */
static int fails(int code, int file) {
  if (code == 0 || !is_meant(file)) return 0;
  if (__sync_fetch_and_sub(&control->skip, 1) > 0) return 0;
  control->skip = 0;
  if (control->times == 0) return 0;
  if (control->times > 0) __sync_fetch_and_sub(&control->times, 1);
  __sync_fetch_and_add(&control->failed, 1);
  errno = code;
  return 1;
}

#define NEXT(name) \
  static __typeof__(&name) next; \
  if (next == NULL) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define WRITER(name, parameters, arguments) \
  ssize_t name parameters { \
    NEXT(name); \
    if (control != NULL && fails(control->write_errno, file)) return -1; \
    return next arguments; \
  }

#define SYNCER(name) \
  int name(int file) { \
    NEXT(name); \
    if (control != NULL && fails(control->sync_errno, file)) return -1; \
    return next(file); \
  }

WRITER(write, (int file, const void *bytes, size_t count), (file, bytes, count))
WRITER(writev, (int file, const struct iovec *parts, int count), (file, parts, count))
WRITER(pwrite64, (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at))
WRITER(pwritev64, (int file, const struct iovec *parts, int count, off64_t at), (file, parts, count, at))
SYNCER(fsync)
SYNCER(fdatasync)

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  NEXT(gettimeofday);
  int result = next(now, zone);
  if (control == NULL || control->clock_ms == 0 || result != 0) return result;
  int64_t us = (int64_t)now->tv_sec * 1000000 + now->tv_usec + control->clock_ms * 1000;
  now->tv_sec = us / 1000000;
  now->tv_usec = us % 1000000;
  return result;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  NEXT(clock_gettime);
  int result = next(clock, now);
  if (control == NULL || control->clock_ms == 0 || result != 0) return result;
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return result;
  now->tv_sec += control->clock_ms / 1000;
  now->tv_nsec += (control->clock_ms % 1000) * 1000000;
  if (now->tv_nsec >= 1000000000) { now->tv_sec++; now->tv_nsec -= 1000000000; }
  if (now->tv_nsec < 0) { now->tv_sec--; now->tv_nsec += 1000000000; }
  return result;
}
