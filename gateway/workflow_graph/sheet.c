#include "gateway/workflow_graph/sheet.h"

#include "base/json_read.h"
#include "base/put.h"
#include "gateway/workflow_graph/names.h"

bool
sheet_fits(struct bytes automation)
{
    struct cursor steps = cursor_over(pack_find(automation, "steps"));
    size_t count = cursor_array(&steps);
    for (size_t i = 0; i < count; i++)
        if (!bytes_equal(said_text(cursor_skip(&steps), "action"), text("shell")))
            return false;
    return count > 0;
}

/* How a step of a run with `run_status` is called. */
static struct bytes
status_of(struct bytes step, struct bytes run_status)
{
    static const struct {
        const char *ours, *theirs;
    } names[] = { { "completed", "success" }, { "failed", "failure" },
        { "skipped", "skipped" }, { "cancelled", "cancelled" } };
    struct bytes status = said_text(step, "status");
    for (size_t i = 0; i < COUNT(names); i++)
        if (bytes_equal(status, text(names[i].ours)))
            return text(names[i].theirs);
    if (bytes_equal(run_status, text("cancelled")))
        return text("cancelled");
    if (bytes_equal(run_status, text("failed")))
        return text("skipped");
    return text(said_text(step, "leased_at").size > 0 ? "running" : "queued");
}

bool
sheet_status_over(struct bytes status)
{
    return status.data != NULL && !bytes_equal(status, text("queued"))
           && !bytes_equal(status, text("running"));
}

static struct bytes
find_step(struct bytes document, struct bytes key)
{
    struct cursor steps = cursor_over(pack_find(document, "steps"));
    size_t count = document.size == 0 ? 0 : cursor_array(&steps);
    for (size_t i = 0; i < count; i++) {
        struct bytes step = cursor_skip(&steps);
        if (bytes_equal(said_text(step, "key"), key))
            return step;
    }
    return (struct bytes){ 0 };
}

struct bytes
sheet_status(struct bytes run, struct bytes key)
{
    struct bytes step = find_step(run, key);
    return step.size == 0 ? step : status_of(step, said_text(run, "status"));
}

struct writing {
    struct look *look;
    struct buffer *out;
    struct buffer room;
    struct cursor jobs; /* of a definition that we have written, in that order too */
    size_t job_count;
    struct cursor run_steps; /* of the run, in the order of the plan */
    size_t run_count;
    bool shows_run;
    bool some; /* a job has the status that is wanted */
};

static void
put_id(struct writing *w, const char *name, struct bytes key)
{
    buffer_clear(&w->room);
    id_from_key(&w->room, key);
    if (name != NULL)
        pack_string(w->out, name);
    pack_text(w->out, buffer_bytes(&w->room));
}

/* The command as it was given: the compiler has written each {{ as a template. */
static void
put_command(struct writing *w, struct bytes parameters)
{
    static const char *const written[] = { "{{ \"${{\" }}", "{{ \"{{\" }}" };
    static const char *const meant[] = { "${{", "{{" };
    struct bytes in = said_text(parameters, "command");
    buffer_clear(&w->room);
    while (in.size > 0) {
        size_t used = 1, i = 0;
        while (i < COUNT(written) && !bytes_begin(in, text(written[i])))
            i++;
        if (i < COUNT(written)) {
            buffer_append_bytes(&w->room, text(meant[i]));
            used = strlen(written[i]);
        } else {
            buffer_append(&w->room, in.data, 1);
        }
        in = bytes_of(in.data + used, in.size - used);
    }
    put_text(w->out, "command", buffer_bytes(&w->room));
}

/* What the graph shows, and nobody else reads. */
static void
put_shown(struct writing *w, struct bytes shown)
{
    static const struct {
        const char *name;
        uint8_t absent[1];
    } parts[] = { { "metadata", { 0x80 } }, { "ports", { 0x90 } },
        { "children", { 0xc0 } }, { "collapsed", { 0xc2 } } };
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct bytes part = pack_find(shown, parts[i].name);
        pack_string(w->out, parts[i].name);
        pack_raw(w->out, part.size > 0 ? part : bytes_of(parts[i].absent, 1));
    }
}

static void
put_times(struct writing *w, struct bytes step, struct bytes status)
{
    uint64_t from_ms = look_moment(step, "leased_at");
    uint64_t to_ms = look_moment(step, "finished_at");
    bool ran =
        bytes_equal(status, text("success")) || bytes_equal(status, text("failure"));
    pack_string(w->out, "duration_secs");
    if (ran && from_ms > 0 && to_ms >= from_ms)
        pack_u64(w->out, (to_ms - from_ms) / 1000);
    else
        pack_nil(w->out);
    pack_string(w->out, "started_at");
    if (from_ms > 0)
        pack_double(w->out, (double)from_ms);
    else
        pack_nil(w->out);
}

static void
put_error(struct writing *w, struct bytes step, struct bytes status)
{
    pack_string(w->out, "output");
    if (bytes_equal(status, text("failure")))
        pack_text(w->out, said_text(pack_find(step, "error"), "message"));
    else
        pack_nil(w->out);
}

/* The step of the run that a step of the automation is: they are in the same order,
 * unless the automation has changed since. */
static struct bytes
run_step(struct writing *w, struct bytes key)
{
    if (!w->shows_run)
        return (struct bytes){ 0 };
    if (w->run_count > 0) {
        struct cursor at = w->run_steps;
        struct bytes step = cursor_skip(&at);
        if (bytes_equal(said_text(step, "key"), key)) {
            w->run_steps = at;
            w->run_count--;
            return step;
        }
    }
    return find_step(w->look->document, key);
}

static void
put_job(struct writing *w, struct bytes step, struct bytes wanted)
{
    struct buffer *out = w->out;
    struct bytes key = said_text(step, "key"), name = said_text(step, "name");
    struct bytes done = run_step(w, key);
    struct bytes status = done.size == 0
                              ? text("queued")
                              : status_of(done, said_text(w->look->document, "status"));
    uint64_t attempts = said_number(step, "max_attempts");
    uint64_t attempt = said_number(done, "attempt");
    struct cursor needs = cursor_over(pack_find(step, "needs"));
    size_t count = cursor_array(&needs);
    pack_map(out, 15);
    put_id(w, "id", key);
    if (name.size > 0)
        put_text(out, "name", name);
    else
        put_id(w, "name", key);
    put_text(out, "status", status);
    put_command(w, pack_find(step, "parameters"));
    put_times(w, done, status);
    pack_string(out, "depends_on");
    pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        put_id(w, NULL, cursor_text(&needs));
    put_error(w, done, status);
    pack_string(out, "required_labels");
    pack_raw(out, pack_find(step, "labels"));
    pack_string(out, "max_retries");
    pack_u64(out, attempts > 0 ? attempts - 1 : 0);
    pack_string(out, "attempt");
    pack_u64(out, attempt > 0 ? attempt - 1 : 0);
    struct bytes job = { 0 };
    if (w->job_count > 0) {
        cursor_skip(&w->jobs);
        job = cursor_skip(&w->jobs);
        w->job_count--;
    }
    put_shown(w, pack_find(job, "workflow_graph"));
    w->some |= wanted.size == 0 || bytes_equal(status, wanted);
}

/* What a client gave with a job and only clients use is kept in the text. */
static struct bytes
read_text(struct look *look)
{
    static const char mark[] = "\"workflow_graph\":";
    struct bytes written = said_text(look->automation, "definition");
    struct buffer packed = { 0 };
    struct json_place place;
    struct fault fault;
    struct bytes kept = { 0 };
    if (written.size == 0 || written.data[0] != '{'
        || memmem(written.data, written.size, mark, sizeof mark - 1) == NULL)
        return kept;
    if (json_to_msgpack(written, &packed, &place, &fault) == ERR_NONE)
        kept = arena_copy(&look->request->arena, buffer_bytes(&packed));
    buffer_free(&packed);
    return kept;
}

/* A run of an older version is that of a workflow that was replaced: unless it goes on.
 */
static bool
shows_run(const struct look *look)
{
    return look->has_run
           && (look_active(look)
               || said_number(look->summary, "version")
                      == said_number(look->automation, "version"));
}

bool
sheet_write(struct look *look, struct bytes status, struct buffer *out)
{
    struct writing w = { .look = look, .out = out, .shows_run = shows_run(look) };
    struct cursor steps = cursor_over(pack_find(look->automation, "steps"));
    size_t count = cursor_array(&steps), from = out->size;
    struct bytes jobs = pack_find(read_text(look), "jobs");
    w.jobs = cursor_over(jobs);
    w.job_count = jobs.size == 0 ? 0 : cursor_map(&w.jobs);
    if (w.shows_run && look->document.size > 0) {
        w.run_steps = cursor_over(pack_find(look->document, "steps"));
        w.run_count = cursor_array(&w.run_steps);
    }
    pack_map(out, 4);
    put_id(&w, "id", said_text(look->automation, "name"));
    put_text(out, "name", said_text(look->automation, "title"));
    put_text(out, "trigger", said_text(look->automation, "description"));
    pack_string(out, "jobs");
    pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        put_job(&w, cursor_skip(&steps), status);
    buffer_free(&w.room);
    if (!w.some)
        out->size = from;
    return w.some;
}
