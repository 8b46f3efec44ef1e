/* What the answers to pings cost alone: takes connections on a port, which it prints,
 * and answers whatever comes over one with the two bytes of a WebSocket's pong.  What a
 * system call costs, and to be woken, is all that is in it. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, BACKLOG = 1024, FRAME_MAX = 256 };

static void
must(long result, const char *what)
{
    if (result >= 0)
        return;
    perror(what);
    exit(1);
}

static int
door_open(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int door = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(door, (struct sockaddr *)&at, size), "bind");
    must(listen(door, BACKLOG), "listen");
    must(getsockname(door, (struct sockaddr *)&at, &size), "getsockname");
    printf("%u\n", ntohs(at.sin_port));
    return door;
}

static void
watch(int watched, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    must(epoll_ctl(watched, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void
answer(int fd)
{
    static const uint8_t pong[2] = { 0x8a, 0 };
    uint8_t frame[FRAME_MAX];
    ssize_t size = recv(fd, frame, sizeof frame, 0);
    if (size > 0)
        size = send(fd, pong, sizeof pong, MSG_NOSIGNAL);
    if (size <= 0)
        close(fd);
}

int
main(void)
{
    struct rlimit files;
    must(getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
    files.rlim_cur = files.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
    int door = door_open(), watched = epoll_create1(0);
    must(watched, "epoll_create1");
    watch(watched, door);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(watched, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++)
            if (events[i].data.fd == door) {
                int fd = accept(door, NULL, NULL);
                must(fd, "accept");
                watch(watched, fd);
            } else {
                answer(events[i].data.fd);
            }
    }
}
