/*
 * Runs a program under the conditions of an attack: as another user, with resource limits, or with a system call that
 * fails. It then reports how the program ended.
 *
 *   launch [options] -- PROGRAM ARGUMENT...
 *     -r FD        write the report to this descriptor (one line of name=value pairs)
 *     -u UID       set the user and the group, and drop all other groups
 *     -m OCTAL     set the umask
 *     -l NAME=N    set a resource limit: fsize nofile as nproc stack data
 *     -x           ignore SIGXFSZ
 *     -c FD        close a descriptor in the program
 *     -C DIR       set the working directory
 *     -T SECONDS   end the program after this time (SIGKILL to its process group)
 *   With tracing:
 *     -t           count the program's system calls
 *     -L FD        write every call as "number argument0\n"
 *     -i N         act on the Nth call
 *     -n NUMBER    with -i: count only calls with this number
 *     -a ARGUMENT  with -n: count only calls whose second argument is this (fcntl's command)
 *     -e ERRNO     action: make the call fail with this error
 *     -w           act on every call from the Nth on
 *     -k           action: kill the program before the call
 *     -p IN,OUT    action: write one byte to OUT, wait for one byte from IN, and then continue
 *
 * Counting starts with the first call that main makes. The calls of the loader and of Rust's startup code are not
 * counted, because they are not made by the program itself. The calls of all threads are counted together. Child
 * processes are not traced.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CLOSED = 8, MOST_LIMITS = 8, MOST_THREADS = 256 };

static struct {
    int report, uid, mask, ignore_xfsz, closed[MOST_CLOSED], closed_count, limits, trace, list, onward, kill, pause_in, pause_out;
    int resource[MOST_LIMITS];
    rlim_t limit[MOST_LIMITS];
    const char *directory;
    double seconds;
    long nth, number, argument1, error;
} wanted = {.report = -1, .uid = -1, .mask = -1, .list = -1, .number = -1, .argument1 = -1, .pause_in = -1, .pause_out = -1, .seconds = 60};

static volatile sig_atomic_t late;
static pid_t program;

static void time_is_up(int signal) {
    (void)signal;
    late = 1;
    kill(-program, SIGKILL);
    kill(program, SIGKILL);
}

static void die(const char *what) {
    fprintf(stderr, "launch: %s: %s\n", what, strerror(errno));
    _exit(125);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static int resource_named(const char *name, size_t length) {
    static const struct { const char *name; int resource; } known[] = {
        {"fsize", RLIMIT_FSIZE}, {"nofile", RLIMIT_NOFILE}, {"as", RLIMIT_AS},
        {"nproc", RLIMIT_NPROC}, {"stack", RLIMIT_STACK},   {"data", RLIMIT_DATA},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == length && !strncmp(known[i].name, name, length)) return known[i].resource;
    errno = EINVAL;
    die("limit");
    return -1;
}

static void start(char **arguments) {
    setpgid(0, 0);
    if (wanted.directory && chdir(wanted.directory)) die("chdir");
    if (wanted.mask >= 0) umask(wanted.mask);
    /* Python ignores these two signals, and the program would inherit that. */
    signal(SIGXFSZ, wanted.ignore_xfsz ? SIG_IGN : SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    if (wanted.uid >= 0) {
        if (setgroups(0, NULL) || setresgid(wanted.uid, wanted.uid, wanted.uid) || setresuid(wanted.uid, wanted.uid, wanted.uid)) die("setuid");
    }
    if (wanted.report >= 0) fcntl(wanted.report, F_SETFD, FD_CLOEXEC);
    if (wanted.list >= 0) fcntl(wanted.list, F_SETFD, FD_CLOEXEC);
    if (wanted.pause_in >= 0) fcntl(wanted.pause_in, F_SETFD, FD_CLOEXEC), fcntl(wanted.pause_out, F_SETFD, FD_CLOEXEC);
    for (int i = 0; i < wanted.limits; i++) {
        struct rlimit limit = {wanted.limit[i], wanted.limit[i]};
        if (setrlimit(wanted.resource[i], &limit)) die("setrlimit");
    }
    if (wanted.trace) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0)) die("ptrace");
        raise(SIGSTOP);
    }
    for (int i = 0; i < wanted.closed_count; i++) close(wanted.closed[i]);
    execv(arguments[0], arguments);
    _exit(126);
}

/* The state of each thread between a call's entry and its exit. */
static struct { pid_t id; int failing, asked_for_nothing; long asked; } threads[MOST_THREADS];

static int slot_of(pid_t id) {
    int free_slot = -1;
    for (int i = 0; i < MOST_THREADS; i++) {
        if (threads[i].id == id) return i;
        if (!threads[i].id && free_slot < 0) free_slot = i;
    }
    if (free_slot < 0) errno = EAGAIN, die("threads");
    threads[free_slot].id = id;
    threads[free_slot].failing = threads[free_slot].asked_for_nothing = 0;
    return free_slot;
}

static void skip_call(pid_t id) {
#if defined __x86_64__
    ptrace(PTRACE_POKEUSER, id, offsetof(struct user_regs_struct, orig_rax), -1L);
#elif defined __aarch64__
    int none = -1;
    struct iovec part = {&none, sizeof none};
    ptrace(PTRACE_SETREGSET, id, NT_ARM_SYSTEM_CALL, &part);
#else
#error "write down how this machine skips a system call"
#endif
}

/* brk can fail only by leaving the end of memory where it is, so the call is changed to ask for nothing. Returns the
 * requested address, because a program may expect to find it unchanged. */
static long set_argument0(pid_t id, long value) {
#if defined __x86_64__
    long before = ptrace(PTRACE_PEEKUSER, id, offsetof(struct user_regs_struct, rdi), 0);
    ptrace(PTRACE_POKEUSER, id, offsetof(struct user_regs_struct, rdi), value);
    return before;
#elif defined __aarch64__
    /* On this machine, the argument and the result share a register. */
    struct user_regs_struct registers;
    struct iovec all = {&registers, sizeof registers};
    ptrace(PTRACE_GETREGSET, id, NT_PRSTATUS, &all);
    long before = registers.regs[0];
    registers.regs[0] = value;
    ptrace(PTRACE_SETREGSET, id, NT_PRSTATUS, &all);
    return before;
#endif
}

static void set_result(pid_t id, long result) {
#if defined __x86_64__
    ptrace(PTRACE_POKEUSER, id, offsetof(struct user_regs_struct, rax), result);
#elif defined __aarch64__
    struct user_regs_struct registers;
    struct iovec all = {&registers, sizeof registers};
    ptrace(PTRACE_GETREGSET, id, NT_PRSTATUS, &all);
    registers.regs[0] = result;
    ptrace(PTRACE_SETREGSET, id, NT_PRSTATUS, &all);
#endif
}

static long calls, matching, acted, acted_number = -1, acted_argument = -1, acted_on_output, acted_on_errors;
static int counting;
static char list_buffer[1 << 16];
static size_t listed;

static void list_call(long number, long argument0, long argument1) {
    if (listed > sizeof list_buffer - 64) {
        if (write(wanted.list, list_buffer, listed) < 0) die("list");
        listed = 0;
    }
    listed += snprintf(list_buffer + listed, 64, "%ld %ld %ld\n", number, argument0, argument1);
}

/* The thread is about to make a call. */
static void entered(int slot, long number, const unsigned long long *arguments) {
    if (!counting) {
        /* This is the last call of Rust's startup code before main. */
        counting = number == SYS_rt_sigaction && arguments[0] == SIGBUS && arguments[1];
        return;
    }
    if (number == SYS_exit_group || number == SYS_exit || number == SYS_rt_sigreturn || number == SYS_restart_syscall) return;
    calls++;
    if (wanted.list >= 0) list_call(number, (long)arguments[0], (long)arguments[1]);
    if (!wanted.nth || (wanted.number >= 0 && number != wanted.number)) return;
    if (wanted.argument1 >= 0 && (long)arguments[1] != wanted.argument1) return;
    matching++;
    if (wanted.onward ? matching < wanted.nth : matching != wanted.nth) return;
    acted++;
    acted_number = number;
    acted_argument = (long)arguments[0];
    if (number == SYS_write || number == SYS_writev) acted_on_output |= acted_argument == 1, acted_on_errors |= acted_argument == 2;
    pid_t id = threads[slot].id;
    if (wanted.kill) {
        kill(program, SIGKILL);
    } else if (wanted.pause_in >= 0) {
        char byte = 'p';
        if (write(wanted.pause_out, &byte, 1) != 1 || read(wanted.pause_in, &byte, 1) < 0) die("pause");
    } else if (number == SYS_brk) {
        threads[slot].asked = set_argument0(id, 0);
        threads[slot].asked_for_nothing = 1;
    } else {
        skip_call(id);
        threads[slot].failing = 1;
    }
}

static int follow(struct rusage *usage) {
    int status;
    if (waitpid(program, &status, 0) < 0) die("waitpid");
    ptrace(PTRACE_SETOPTIONS, program, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC);
    slot_of(program);
    ptrace(PTRACE_SYSCALL, program, 0, 0);
    for (;;) {
        pid_t id = wait4(-1, &status, __WALL, usage);
        if (id < 0) {
            if (errno == EINTR) continue;
            die("wait");
        }
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            for (int i = 0; i < MOST_THREADS; i++)
                if (threads[i].id == id) threads[i].id = 0;
            if (id == program) return status;
            continue;
        }
        int signal = WSTOPSIG(status), slot = slot_of(id);
        if (signal == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            long deliver = 0;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, id, sizeof info, &info) > 0) {
                if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                    entered(slot, (long)info.entry.nr, (const unsigned long long *)info.entry.args);
                } else if (threads[slot].asked_for_nothing) {
#if defined __x86_64__
                    set_argument0(id, threads[slot].asked);
#endif
                    threads[slot].asked_for_nothing = 0;
                } else if (threads[slot].failing) {
                    set_result(id, -wanted.error);
                    threads[slot].failing = 0;
                }
            }
            ptrace(PTRACE_SYSCALL, id, 0, deliver);
        } else if (signal == SIGTRAP && status >> 16) {
            ptrace(PTRACE_SYSCALL, id, 0, 0);
        } else {
            /* A new thread's first stop is not caused by a signal. */
            ptrace(PTRACE_SYSCALL, id, 0, signal == SIGSTOP ? 0 : signal);
        }
    }
}

int main(int count, char **arguments) {
    int option;
    while ((option = getopt(count, arguments, "+r:u:m:l:xc:C:T:tL:i:n:a:e:wkp:")) != -1) {
        switch (option) {
        case 'r': wanted.report = atoi(optarg); break;
        case 'u': wanted.uid = atoi(optarg); break;
        case 'm': wanted.mask = (int)strtol(optarg, NULL, 8); break;
        case 'l': {
            const char *equals = strchr(optarg, '=');
            if (!equals || wanted.limits == MOST_LIMITS) errno = EINVAL, die("limit");
            wanted.resource[wanted.limits] = resource_named(optarg, equals - optarg);
            wanted.limit[wanted.limits++] = strtoull(equals + 1, NULL, 10);
            break;
        }
        case 'x': wanted.ignore_xfsz = 1; break;
        case 'c': if (wanted.closed_count < MOST_CLOSED) wanted.closed[wanted.closed_count++] = atoi(optarg); break;
        case 'C': wanted.directory = optarg; break;
        case 'T': wanted.seconds = atof(optarg); break;
        case 't': wanted.trace = 1; break;
        case 'L': wanted.trace = 1, wanted.list = atoi(optarg); break;
        case 'i': wanted.trace = 1, wanted.nth = atol(optarg); break;
        case 'n': wanted.number = atol(optarg); break;
        case 'a': wanted.argument1 = atol(optarg); break;
        case 'e': wanted.error = atol(optarg); break;
        case 'w': wanted.onward = 1; break;
        case 'k': wanted.kill = 1; break;
        case 'p': if (sscanf(optarg, "%d,%d", &wanted.pause_in, &wanted.pause_out) != 2) errno = EINVAL, die("-p"); break;
        default: return 125;
        }
    }
    if (optind >= count) return 125;
    double began = now();
    program = fork();
    if (program < 0) die("fork");
    if (!program) start(arguments + optind);
    setpgid(program, program);
    struct sigaction alarm_action = {.sa_handler = time_is_up};
    sigaction(SIGALRM, &alarm_action, NULL);
    struct itimerval timer = {.it_value = {(time_t)wanted.seconds, (suseconds_t)((wanted.seconds - (time_t)wanted.seconds) * 1e6)}};
    setitimer(ITIMER_REAL, &timer, NULL);
    /* This process's copies would keep pipes open after the program has closed them. */
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    int status;
    if (wanted.trace) {
        status = follow(&usage);
    } else {
        while (wait4(program, &status, 0, &usage) < 0)
            if (errno != EINTR) die("wait");
    }
    double took = now() - began;
    /* Other processes in the program's group end with it. */
    kill(-program, SIGKILL);
    if (wanted.list >= 0 && write(wanted.list, list_buffer, listed) < 0) die("list");
    if (wanted.report >= 0) {
        double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
        dprintf(wanted.report, "exit=%d signal=%d late=%d wall=%.6f cpu=%.6f peak=%ld calls=%ld acted=%ld number=%ld argument=%ld counting=%d output=%ld errors=%ld\n",
                WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0, (int)late, took, cpu,
                usage.ru_maxrss, calls, acted, acted_number, acted_argument, counting, acted_on_output, acted_on_errors);
    }
    return 0;
}
