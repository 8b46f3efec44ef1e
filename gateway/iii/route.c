#include "gateway/iii/route.h"

#include "base/quoted.h"
#include "base/wrong.h"
#include "gateway/iii/condition.h"
#include "gateway/said.h"

#include <ctype.h>
#include <stdlib.h>

static bool
is_parameter(struct bytes part)
{
    return part.size > 0 && part.data[0] == ':';
}

static enum err
read_method(struct iii_route *route, struct bytes config, struct fault *fault)
{
    struct bytes said = said_text(config, "http_method");
    if (said.size == 0)
        said = text("GET");
    bool right = said.size < sizeof route->method;
    for (size_t i = 0; right && i < said.size; i++) {
        route->method[i] = (char)toupper(said.data[i]);
        right = isalpha(said.data[i]) != 0;
    }
    if (right)
        return ERR_NONE;
    return fault_set(fault, ERR_MALFORMED,
        "http_method: %s is no method: expected one such as GET", quoted(said).text);
}

static bool
named_before(const struct iii_route *route, struct bytes part)
{
    for (size_t i = 0; i < route->part_count; i++)
        if (is_parameter(part) && bytes_equal(route->parts[i], part))
            return true;
    return false;
}

static enum err
split(struct iii_route *route, struct fault *fault)
{
    struct bytes path = buffer_bytes(&route->path);
    struct quoted shown = quoted(path);
    for (size_t i = 1; i < path.size;) {
        size_t begin = i;
        while (i < path.size && path.data[i] != '/')
            i++;
        struct bytes part = bytes_of(path.data + begin, i++ - begin);
        if (part.size == 0 || bytes_equal(part, text(":")) || named_before(route, part))
            return fault_set(fault, ERR_MALFORMED,
                "api_path: %s has an empty part, or a parameter twice", shown.text);
        if (route->part_count == SEGMENTS_MAX)
            return fault_set(fault, ERR_MALFORMED,
                "api_path: %s has more than %d parts", shown.text, SEGMENTS_MAX);
        route->parts[route->part_count++] = part;
    }
    return ERR_NONE;
}

static enum err
read_path(struct iii_route *route, struct bytes config, struct fault *fault)
{
    struct bytes said = said_text(config, "api_path");
    if (said.size == 0 || said.size > III_PATH_MAX)
        return fault_set(fault, ERR_MALFORMED,
            "api_path must be a path of at most %d bytes, such as /users/:id",
            III_PATH_MAX);
    if (said.data[0] != '/')
        buffer_append(&route->path, "/", 1);
    buffer_append_bytes(&route->path, said);
    while (route->path.size > 1 && route->path.data[route->path.size - 1] == '/')
        route->path.size--;
    return split(route, fault);
}

static enum err
read_functions(struct iii_route *route, struct bytes config, struct fault *fault)
{
    struct bytes several = pack_find(config, "middleware_function_ids");
    struct cursor c = cursor_over(several);
    if (!iii_condition_fits(config, fault))
        return fault->err;
    route->condition = said_text(config, "condition_function_id");
    if (several.size == 0 || cursor_type(&c) == PACK_NIL)
        return ERR_NONE;
    size_t count =
        cursor_type(&c) == PACK_ARRAY ? cursor_array(&c) : III_MIDDLEWARE_MAX + 1;
    for (size_t i = 0; i < count && count <= III_MIDDLEWARE_MAX; i++)
        (void)cursor_text(&c);
    if (count > III_MIDDLEWARE_MAX || c.bad)
        return fault_set(fault, ERR_MALFORMED,
            "middleware_function_ids must be a list of at most %d functions",
            III_MIDDLEWARE_MAX);
    route->middleware = several;
    return ERR_NONE;
}

/* The same path but for the names of parameters. */
static bool
same_shape(const struct iii_route *a, const struct iii_route *b)
{
    if (strcmp(a->method, b->method) != 0 || a->part_count != b->part_count)
        return false;
    for (size_t i = 0; i < a->part_count; i++)
        if (is_parameter(a->parts[i]) != is_parameter(b->parts[i])
            || (!is_parameter(a->parts[i]) && !bytes_equal(a->parts[i], b->parts[i])))
            return false;
    return true;
}

static enum err
check_conflict(
    const struct iii_route *route, const struct hub *hub, struct fault *fault)
{
    for (struct list *at = hub->routes.next; at != &hub->routes; at = at->next) {
        const struct iii_route *other = LIST_OF(at, struct iii_route, link);
        if (same_shape(route, other)
            && !bytes_equal(buffer_bytes(&route->path), buffer_bytes(&other->path)))
            return fault_set(fault, ERR_CONFLICT,
                "api_path: %s is in conflict with %s, which is registered already: "
                "they differ in names of parameters only",
                quoted(buffer_bytes(&route->path)).text,
                quoted(buffer_bytes(&other->path)).text);
    }
    return ERR_NONE;
}

static void
route_free(struct iii_route *route)
{
    list_remove(&route->link);
    buffer_free(&route->path);
    free(route);
}

static void
unbind(struct iii_entry *trigger)
{
    route_free(trigger->own);
    trigger->own = NULL;
}

static struct iii_route *
route_new(const struct iii_entry *trigger)
{
    struct iii_route *route = calloc(1, sizeof *route);
    if (route == NULL)
        WRONG("out of memory");
    route->trigger = trigger;
    list_open(&route->link);
    return route;
}

bool
iii_route_bind(struct iii_entry *trigger, struct fault *fault)
{
    struct hub *hub = trigger->worker->hub;
    struct bytes config = trigger->said.config;
    struct iii_route *route = route_new(trigger);
    enum err err = read_method(route, config, fault);
    if (err == ERR_NONE)
        err = read_path(route, config, fault);
    if (err == ERR_NONE)
        err = read_functions(route, config, fault);
    if (err == ERR_NONE)
        err = check_conflict(route, hub, fault);
    if (err != ERR_NONE) {
        route_free(route);
        return false;
    }
    list_append(&hub->routes, &route->link);
    trigger->own = route;
    trigger->unbind = unbind;
    return true;
}

static bool
fits(const struct iii_route *route, const char *method, const struct target *target)
{
    if (route->part_count != target->segment_count
        || strcmp(route->method, method) != 0)
        return false;
    for (size_t i = 0; i < route->part_count; i++)
        if (!is_parameter(route->parts[i])
            && !bytes_equal(route->parts[i], target->segments[i]))
            return false;
    return true;
}

/* Is the first part in which they differ written out in `a`, or is there none? */
static bool
goes_before(const struct iii_route *a, const struct iii_route *b)
{
    for (size_t i = 0; i < a->part_count; i++)
        if (is_parameter(a->parts[i]) != is_parameter(b->parts[i]))
            return is_parameter(b->parts[i]);
    return true;
}

const struct iii_route *
iii_route_find(const struct hub *hub, const char *method, const struct target *target)
{
    const struct iii_route *found = NULL;
    for (struct list *at = hub->routes.next; at != &hub->routes; at = at->next) {
        const struct iii_route *route = LIST_OF(at, struct iii_route, link);
        if (fits(route, method, target) && (found == NULL || goes_before(route, found)))
            found = route;
    }
    if (found == NULL && strcmp(method, "HEAD") == 0)
        return iii_route_find(hub, "GET", target);
    return found;
}
