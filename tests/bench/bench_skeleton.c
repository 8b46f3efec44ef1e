/* A ceiling: processes that say the messages of a run and sync as often as the engine
 * does, and do nothing else.  No rules, no rows, no keys, no checks; a run's id holds
 * whose it is, and what a message needs travels along in it.
 *
 *     client --HTTP--> gateway --START--> scheduler --OFFER--> lease
 *     lease --GRANT--> gateway --GRANT--> worker --REPORT--> gateway --REPORT--> lease
 *     lease --LEASED, REPORT--> scheduler --SETTLED--> lease --> gateway --> worker
 *     scheduler --DONE--> gateway --HTTP--> client
 *
 * Inbox and links are those of the engine, ROUTER and DEALER over ipc, tcp for the
 * worker; what goes to one peer in a turn is one message; a turn is one batch of
 * RocksDB, synced before anything leaves.  Prints its processes and its port. */
#include <arpa/inet.h>
#include <errno.h>
#include <rocksdb/c.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

enum {
    PACKET_MAX = 4096,  /* items on their way to one peer */
    RECORD_BYTES = 400, /* of what a transition writes: two facts of the usual size */
    MEMTABLE_BYTES = 16 << 20,
    CLIENTS_MAX = 1024, /* file descriptors below this are clients */
    REQUEST_MAX = 4096, /* bytes */
    EVENTS_MAX = 256,
    SOURCE_ZMQ = CLIENTS_MAX, /* what epoll says of a socket of ZeroMQ's, */
    SOURCE_DOOR               /* and of the listening one */
};

enum kind { HELLO, START, ACCEPTED, OFFER, LEASED, GRANT, REPORT, SETTLED, DONE };

struct item {
    uint32_t kind;
    uint32_t steps; /* that are left of the run */
    uint64_t run;
    char body[184]; /* as much as a message of the engine carries */
};

struct link {
    void *socket;
    size_t count;
    struct item items[PACKET_MAX];
};

static void *context;
static const char *folder;
static struct link to_gateway, to_scheduler, to_lease, to_worker;

static _Noreturn void
give_up(const char *what)
{
    fprintf(stderr, "bench_skeleton: %s: %s\n", what, zmq_strerror(errno));
    exit(EXIT_FAILURE);
}

static void
say(struct link *link, const struct item *about, enum kind kind, uint32_t steps)
{
    if (link->count == PACKET_MAX)
        give_up("a packet is full");
    struct item *item = &link->items[link->count++];
    *item = *about;
    item->kind = kind;
    item->steps = steps;
}

static void
flush(struct link *link)
{
    if (link->count == 0)
        return;
    if (zmq_send(link->socket, link->items, link->count * sizeof link->items[0], 0) < 0)
        give_up("send");
    link->count = 0;
}

static void *
inbox_at(const char *url)
{
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    if (zmq_bind(socket, url) != 0)
        give_up(url);
    return socket;
}

static const char *
url_of(const char *name)
{
    static char url[256];
    snprintf(url, sizeof url, "ipc://%s/%s", folder, name);
    return url;
}

static void
link_to(struct link *link, const char *url)
{
    link->socket = zmq_socket(context, ZMQ_DEALER);
    if (zmq_connect(link->socket, url) != 0)
        give_up(url);
}

struct peer {
    size_t size;
    char id[16]; /* ROUTER's name of a connection: five bytes */
};

/* The next packet's items go to `hear`, and its sender to `from`, if that is no NULL,
 * as for a DEALER; false if there is none yet. */
static bool
receive(void *socket, bool wait, struct peer *from, void (*hear)(const struct item *))
{
    zmq_msg_t part;
    int flags = wait ? 0 : ZMQ_DONTWAIT;
    if (from != NULL) {
        int size = zmq_recv(socket, from->id, sizeof from->id, flags);
        if (size < 0)
            return false;
        from->size = (size_t)size;
        flags = 0;
    }
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, socket, flags) < 0)
        return false;
    const struct item *items = zmq_msg_data(&part);
    for (size_t i = 0; i < zmq_msg_size(&part) / sizeof items[0]; i++)
        hear(&items[i]);
    zmq_msg_close(&part);
    return true;
}

/* Wait for a packet, and take all that have come. */
static void
turn(void *inbox, void (*hear)(const struct item *))
{
    struct peer from;
    for (bool more = receive(inbox, true, &from, hear); more;)
        more = receive(inbox, false, &from, hear);
}

/* ---- scheduler ---- */

static rocksdb_writebatch_t *batch;
static uint64_t number;
static bool durable; /* somebody must hear of this turn */

static void
record(size_t size)
{
    char key[8], value[RECORD_BYTES];
    number++;
    for (int i = 0; i < 8; i++)
        key[i] = (char)(number >> (56 - 8 * i));
    for (size_t i = 0; i < size; i++) /* half of it can be compressed */
        value[i] = (char)(i % 2 ? (number * 2654435761U + i * 40503U) >> 7 : 0);
    rocksdb_writebatch_put(batch, key, sizeof key, value, size);
}

static void
scheduler_hears(const struct item *item)
{
    switch ((enum kind)item->kind) {
    case START:
        record(RECORD_BYTES);
        say(&to_gateway, item, ACCEPTED, item->steps);
        say(&to_lease, item, OFFER, item->steps);
        durable = true;
        return;
    case LEASED: record(RECORD_BYTES / 4); return;
    case REPORT:
        record(RECORD_BYTES);
        say(&to_lease, item, SETTLED, 0);
        if (item->steps > 1)
            say(&to_lease, item, OFFER, item->steps - 1);
        else
            say(&to_gateway, item, DONE, 0);
        durable = true;
        return;
    default: give_up("a message that is not the scheduler's");
    }
}

static void
scheduler(void)
{
    char path[256], *message = NULL;
    snprintf(path, sizeof path, "%s/store", folder);
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_write_buffer_size(options, MEMTABLE_BYTES);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_t *store = rocksdb_open(options, path, &message);
    if (message != NULL)
        give_up(message);
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    batch = rocksdb_writebatch_create();
    for (void *inbox = inbox_at(url_of("scheduler"));;) {
        durable = false;
        turn(inbox, scheduler_hears);
        rocksdb_writeoptions_set_sync(write, durable);
        rocksdb_write(store, write, batch, &message);
        if (message != NULL)
            give_up(message);
        rocksdb_writebatch_clear(batch);
        flush(&to_lease);
        flush(&to_gateway);
    }
}

/* ---- lease ---- */

static bool in_haste; /* what the scheduler shall hear need not wait for company */

static void
lease_hears(const struct item *item)
{
    switch ((enum kind)item->kind) {
    case OFFER:
        say(&to_gateway, item, GRANT, item->steps);
        say(&to_scheduler, item, LEASED, item->steps);
        return;
    case REPORT:
        say(&to_scheduler, item, REPORT, item->steps);
        in_haste = true;
        return;
    case SETTLED: say(&to_gateway, item, SETTLED, 0); return;
    default: give_up("a message that is not the lease actor's");
    }
}

static void
lease(void)
{
    for (void *inbox = inbox_at(url_of("lease"));;) {
        in_haste = false;
        turn(inbox, lease_hears);
        flush(&to_gateway);
        if (in_haste)
            flush(&to_scheduler);
    }
}

/* ---- worker ---- */

static void
worker_hears(const struct item *item)
{
    if (item->kind == GRANT)
        say(&to_worker, item, REPORT, item->steps);
}

static void
work(const char *url)
{
    struct item hello = { .kind = HELLO };
    link_to(&to_worker, url);
    say(&to_worker, &hello, HELLO, 0);
    for (;;) {
        flush(&to_worker);
        bool more = receive(to_worker.socket, true, NULL, worker_hears);
        while (more)
            more = receive(to_worker.socket, false, NULL, worker_hears);
    }
}

/* ---- gateway ---- */

static struct client {
    size_t used;
    uint64_t run; /* that it waits for; 0: none */
    char request[REQUEST_MAX];
} clients[CLIENTS_MAX];
static int watched; /* the epoll */
static bool has_worker;

static void
watch(int fd, uint32_t source)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = source };
    if (epoll_ctl(watched, EPOLL_CTL_ADD, fd, &event) != 0)
        give_up("epoll");
}

static void
answer(uint64_t run)
{
    static const char body[] =
        "{\"id\":\"run_01HZX3M9Q8V7T6K5J4H3G2F1E0\",\"automation\":\"bench\","
        "\"version\":1,\"status\":\"completed\",\"inputs\":{\"order\":"
        "\"01HZX3M9Q8V7T6K5J4H3G2F1E0\",\"amount\":1234},\"outputs\":{},"
        "\"created_at\":\"2026-01-01T00:00:00.000Z\","
        "\"finished_at\":\"2026-01-01T00:00:00.001Z\"}";
    char text[REQUEST_MAX];
    int fd = (int)(run % CLIENTS_MAX);
    if (clients[fd].run != run) /* the client is gone */
        return;
    clients[fd].run = 0;
    int size = snprintf(text, sizeof text,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu"
        "\r\n\r\n%s",
        sizeof body - 1, body);
    if (send(fd, text, (size_t)size, MSG_NOSIGNAL) != size)
        clients[fd].used = 0; /* it went meanwhile */
}

static void
gateway_hears(const struct item *item)
{
    switch ((enum kind)item->kind) {
    case ACCEPTED: return;
    case GRANT:
    case SETTLED: say(&to_worker, item, item->kind, item->steps); return;
    case DONE: answer(item->run); return;
    default: give_up("a message that is not the gateway's");
    }
}

static void
worker_said(const struct item *item)
{
    if (item->kind == HELLO)
        has_worker = true;
    else
        say(&to_lease, item, REPORT, item->steps);
}

/* What has come of a request; it starts a run when it is whole. */
static void
read_request(int fd)
{
    static uint64_t runs;
    struct client *c = &clients[fd];
    ssize_t size = recv(fd, c->request + c->used, REQUEST_MAX - 1 - c->used, 0);
    if (size <= 0) {
        c->run = 0;
        close(fd);
        return;
    }
    c->used += (size_t)size;
    c->request[c->used] = '\0';
    const char *length = strcasestr(c->request, "\r\nContent-Length:");
    const char *body = strstr(c->request, "\r\n\r\n");
    if (body == NULL || length == NULL)
        return;
    body += 4;
    if (strlen(body) < strtoul(length + sizeof "\r\nContent-Length:" - 1, NULL, 10))
        return;
    struct item start = { .run = ++runs * CLIENTS_MAX + (uint64_t)fd };
    c->run = start.run;
    c->used = 0;
    say(&to_scheduler, &start, START, strstr(body, "\"bench-10\"") != NULL ? 10 : 1);
}

static void
welcome(int door)
{
    int fd = accept(door, NULL, NULL);
    if (fd < 0 || fd >= CLIENTS_MAX)
        give_up("accept");
    clients[fd].used = 0;
    clients[fd].run = 0;
    watch(fd, (uint32_t)fd);
}

/* Whether there was anything. */
static bool
hear_all(void *inbox, void *workers, struct peer *worker)
{
    struct peer from;
    bool any = false;
    while (receive(inbox, false, &from, gateway_hears))
        any = true;
    while (receive(workers, false, worker, worker_said))
        any = true;
    return any;
}

static void
flush_gateway(void *workers, struct peer *worker)
{
    flush(&to_scheduler);
    flush(&to_lease);
    if (to_worker.count == 0)
        return;
    if (zmq_send(workers, worker->id, worker->size, ZMQ_SNDMORE) < 0)
        give_up("send to the worker");
    flush(&to_worker);
}

static int
door_open(unsigned *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int door = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(door, (struct sockaddr *)&at, size) != 0 || listen(door, CLIENTS_MAX) != 0
        || getsockname(door, (struct sockaddr *)&at, &size) != 0)
        give_up("door");
    *port = ntohs(at.sin_port);
    return door;
}

static void
watch_zmq(void *socket)
{
    int fd;
    size_t size = sizeof fd;
    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0)
        give_up("descriptor");
    watch(fd, SOURCE_ZMQ);
}

/* A descriptor of ZeroMQ's tells only of what came after the last look: all is heard
 * before each sleep. */
static void
gateway(int door, void *inbox, void *workers)
{
    struct peer worker;
    struct epoll_event events[EVENTS_MAX];
    watch(door, SOURCE_DOOR);
    watch_zmq(inbox);
    watch_zmq(workers);
    for (bool told = false;;) {
        bool any = hear_all(inbox, workers, &worker);
        flush_gateway(workers, &worker);
        if (has_worker && !told) {
            told = true;
            printf("ready\n");
            fflush(stdout);
        }
        int count = epoll_wait(watched, events, EVENTS_MAX, any ? 0 : -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u32 == SOURCE_DOOR)
                welcome(door);
            else if (events[i].data.u32 < CLIENTS_MAX)
                read_request((int)events[i].data.u32);
        }
        flush_gateway(workers, &worker);
    }
}

static pid_t
child(void)
{
    pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        context = zmq_ctx_new();
    }
    return pid;
}

static pid_t
start_scheduler(void)
{
    pid_t pid = child();
    if (pid == 0) {
        link_to(&to_lease, url_of("lease"));
        link_to(&to_gateway, url_of("gateway"));
        scheduler();
    }
    return pid;
}

static pid_t
start_lease(void)
{
    pid_t pid = child();
    if (pid == 0) {
        link_to(&to_scheduler, url_of("scheduler"));
        link_to(&to_gateway, url_of("gateway"));
        lease();
    }
    return pid;
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: bench_skeleton FOLDER\n");
        return 2;
    }
    unsigned port;
    folder = argv[1];
    int door = door_open(&port);
    watched = epoll_create1(0);
    pid_t scheduler_pid = start_scheduler(), lease_pid = start_lease();
    char url[64];
    int wires[2]; /* tells the worker where the gateway is */
    if (pipe(wires) != 0)
        give_up("pipe");
    if (child() == 0) {
        if (read(wires[0], url, sizeof url) <= 0)
            give_up("no gateway");
        work(url);
    }
    context = zmq_ctx_new();
    void *inbox = inbox_at(url_of("gateway")), *workers = inbox_at("tcp://127.0.0.1:*");
    size_t size = sizeof url;
    zmq_getsockopt(workers, ZMQ_LAST_ENDPOINT, url, &size);
    to_worker.socket = workers;
    link_to(&to_scheduler, url_of("scheduler"));
    link_to(&to_lease, url_of("lease"));
    if (write(wires[1], url, size) < 0)
        give_up("worker");
    printf("%d %d %d %u\n", getpid(), scheduler_pid, lease_pid, port);
    gateway(door, inbox, workers);
}
