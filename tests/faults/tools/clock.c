/*
 * Simulates a machine with a wrong clock. If this library is preloaded, the wall clock starts at FAKE_CLOCK (seconds
 * since the Unix epoch) and runs on from there. The dates of files are not changed.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t said_and_since(time_t real) {
    static time_t first;
    const char *said = getenv("FAKE_CLOCK");
    if (!said) return real;
    if (!first) first = real;
    return (time_t)strtoll(said, 0, 10) + (real - first);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    long result = syscall(SYS_clock_gettime, clock, time);
    if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec = said_and_since(time->tv_sec);
    return (int)result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec exact;
    int result = clock_gettime(CLOCK_REALTIME, &exact);
    time->tv_sec = exact.tv_sec;
    time->tv_usec = exact.tv_nsec / 1000;
    return result;
}

time_t time(time_t *out) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (out) *out = exact.tv_sec;
    return exact.tv_sec;
}
