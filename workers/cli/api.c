#include "workers/cli/api.h"

#include "base/clock.h"
#include "base/nearest.h"
#include "base/wrong.h"
#include "workers/cli/answer.h"
#include "workers/cli/human.h"

#include <curl/curl.h>
#include <stdlib.h>

enum {
    API_TIMEOUT_MS = 60000,
    CONNECT_TIMEOUT_MS = 10000,
    SILENCE_S = 45, /* three comment lines of a stream are missing */
    HEADER_MAX = KEY_MAX + 64
};

struct api_path
api_path(const char *folder, const char *name, const char *below)
{
    struct api_path path = { 0 };
    char *escaped = name != NULL ? curl_easy_escape(NULL, name, 0) : NULL;
    int size = snprintf(path.text, sizeof path.text, "/capstan/v1/%s%s%s%s", folder,
        name != NULL ? "/" : "", escaped != NULL ? escaped : "", below);
    curl_free(escaped);
    if (size < 0 || size >= API_PATH_MAX)
        snprintf(path.text, sizeof path.text, "/capstan/v1/%s/-", folder);
    return path;
}

/* With a little more around it, behind what there is. */
static bool
fits(const struct api_path *path, const char *escaped)
{
    enum { AROUND = 64 };
    return escaped != NULL
           && strlen(path->text) + strlen(escaped) + AROUND < API_PATH_MAX;
}

void
api_below(struct api_path *path, const char *name)
{
    size_t size = strlen(path->text);
    char *escaped = curl_easy_escape(NULL, name, 0);
    snprintf(path->text + size, API_PATH_MAX - size, "/%s",
        fits(path, escaped) ? escaped : "-");
    curl_free(escaped);
}

void
api_query(struct api_path *path, const char *name, const char *value)
{
    size_t size = strlen(path->text);
    char *escaped = value != NULL ? curl_easy_escape(NULL, value, 0) : NULL;
    if (value == NULL)
        return;
    /* Left out, it would be asked for more than was meant. */
    if (!fits(path, escaped)) {
        cli_complain("%s: '%.40s...' is too long", name, value);
        exit(EXIT_USAGE);
    }
    snprintf(path->text + size, API_PATH_MAX - size, "%c%s=%s",
        path->has_query ? '&' : '?', name, escaped);
    path->has_query = true;
    curl_free(escaped);
}

static struct curl_slist *
add_header(struct curl_slist *headers, const char *name, const char *value)
{
    char line[HEADER_MAX];
    int size = snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer =
        size > 0 && size < (int)sizeof line ? curl_slist_append(headers, line) : NULL;
    if (longer == NULL)
        WRONG("a header does not fit");
    return longer;
}

static struct curl_slist *
usual_headers(const struct cli *cli)
{
    char bearer[KEY_MAX + 8];
    const char *project = cli_value(cli, OPTION_project);
    struct curl_slist *headers = NULL;
    if (project == NULL)
        project = getenv("CAPSTAN_PROJECT");
    if (cli->key[0] != '\0') {
        snprintf(bearer, sizeof bearer, "Bearer %s", cli->key);
        headers = add_header(headers, "Authorization", bearer);
    }
    if (project != NULL && project[0] != '\0' && strlen(project) < KEY_MAX)
        headers = add_header(headers, "Capstan-Project", project);
    /* curl would wait a second for leave to send a large body. */
    return add_header(headers, "Expect", "");
}

/* Whom to believe that he is the engine. */
static void
trust(const struct cli *cli, CURL *curl)
{
    const char *ca = cli_value(cli, OPTION_ca);
    if (ca == NULL)
        ca = getenv("CAPSTAN_CA");
    if (ca != NULL && ca[0] != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
    if (cli->pin[0] == '\0')
        return;
    /* Its key says more than a name and a signature. */
    curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, cli->pin);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

/* A handle for one request to the engine; never through a proxy on this machine.  `why`
 * will say what was wrong, if it did not work. */
static CURL *
begin(const struct cli *cli, const struct api_path *path, uint64_t timeout_ms,
    char why[CURL_ERROR_SIZE])
{
    char url[URL_MAX + API_PATH_MAX];
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        WRONG("curl does not start");
    snprintf(url, sizeof url, "%s%s", cli->url, path->text);
    why[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    trust(cli, curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "127.0.0.1,::1,localhost");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    /* A thing may be called "..": it is not the folder above. */
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    return curl;
}

static size_t
keep(char *data, size_t one, size_t size, void *self)
{
    struct buffer *kept = self;
    (void)one;
    if (kept->size + size > API_ANSWER_MAX)
        return 0;
    buffer_append(kept, data, size);
    return size;
}

void
api_complain_away(const struct cli *cli)
{
    cli_complain("no engine answers at %s: is it running? (capstan up)", cli->url);
}

/* It did not come to a request. */
static bool
complain_untrusted(const struct cli *cli, CURLcode code, const char *why)
{
    switch (code) {
    case CURLE_SSL_CACERT_BADFILE: cli_complain("--ca or $CAPSTAN_CA: %s", why); break;
    case CURLE_PEER_FAILED_VERIFICATION:
        cli_complain("%s is not trusted: %s (--ca or $CAPSTAN_CA names a file of those "
                     "who may sign its certificate)",
            cli->url, why);
        break;
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        cli_complain(
            "%s is not trusted: it has not the key that %s/gateway/tls.pin names",
            cli->url, cli->data);
        break;
    case CURLE_SSL_CONNECT_ERROR:
        cli_complain("no TLS with %s: %s", cli->url, why);
        break;
    default: return false;
    }
    return true;
}

static enum exit_code
complain_broken(const struct cli *cli, CURLcode code, const char *why)
{
    if (complain_untrusted(cli, code, why))
        return EXIT_REFUSED;
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        cli_complain("%s did not answer in time: the outcome is unknown", cli->url);
        return EXIT_LATE;
    case CURLE_WRITE_ERROR:
        cli_complain("the answer of %s is too large", cli->url);
        return EXIT_REFUSED;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST: api_complain_away(cli); return EXIT_AWAY;
    default:
        cli_complain("%s: %s: the outcome is unknown%s", cli->url,
            curl_easy_strerror(code),
            code == CURLE_GOT_NOTHING && strncmp(cli->url, "http:", 5) == 0
                ? "; does it speak TLS (https://)?"
                : "");
        return EXIT_AWAY;
    }
}

static const char *
text_of(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value != NULL ? value : "";
}

/* about:line:column: path: message */
static void
print_detail(const char *about, const json_t *detail)
{
    struct buffer line = { 0 };
    long long row = json_integer_value(json_object_get(detail, "line"));
    long long column = json_integer_value(json_object_get(detail, "column"));
    const char *path = text_of(detail, "path");
    human_clean(&line, text(about != NULL ? about : "capstan"));
    if (row > 0)
        buffer_print(&line, ":%lld:%lld", row, column);
    buffer_append(&line, ": ", 2);
    if (path[0] != '\0') {
        human_clean(&line, text(path));
        buffer_append(&line, ": ", 2);
    }
    human_clean(&line, text(text_of(detail, "message")));
    fprintf(stderr, "%.*s\n", (int)line.size, (const char *)line.data);
    buffer_free(&line);
}

/* What the command is about, but for words that may be left out: one is a secret. */
static void
print_subject(const struct request *request, struct buffer *line)
{
    const char *at = request->command->words;
    for (size_t i = 0; i < request->word_count && (i == 0 || at[0] != '['); i++) {
        buffer_append(line, " ", i > 0);
        human_clean(line, text(request->words[i]));
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    buffer_append_bytes(line, text(request->word_count > 0 ? ": " : ""));
}

static void
complain_refused(const struct cli *cli, const char *about, long http, json_t *answer)
{
    const json_t *error = json_object_get(answer, "error"), *detail;
    struct buffer line = { 0 };
    size_t i;
    if (!json_is_object(error)) {
        cli_complain("%s answered %ld, not as a Capstan engine does", cli->url, http);
        return;
    }
    if (cli_given(cli, OPTION_json))
        cli_print_json(answer);
    fflush(stdout);
    const json_t *details = json_object_get(error, "details");
    json_array_foreach(details, i, detail) print_detail(about, detail);
    /* The sum of one mistake is that mistake. */
    if (about != NULL && json_array_size(details) == 1)
        return;
    if (about != NULL) {
        human_clean(&line, text(about));
        buffer_append(&line, ": ", 2);
    } else if (http == 404) {
        print_subject(&cli->request, &line);
    }
    human_clean(&line, text(text_of(error, "code")));
    buffer_append(&line, ": ", 2);
    human_clean(&line, text(text_of(error, "message")));
    cli_complain("%.*s", (int)line.size, (const char *)line.data);
    buffer_free(&line);
    if (http == 401 && cli->key[0] == '\0')
        cli_complain("no key was given: use --key or $CAPSTAN_API_KEY, or --data with "
                     "the folder of an engine on this machine");
    else if (http == 401 || http == 403)
        cli_complain("the key is that of %s", cli->key_from);
}

/* Does the command name an automation by its first word? */
static bool
names_automation(const struct request *request)
{
    const struct command *command = request->command;
    return request->word_count > 0
           && (strncmp(command->words, "AUTOMATION", 10) == 0
               || strcmp(command->noun, "automations") == 0);
}

/* Of an automation that is not there: the one that was probably meant. */
static void
suggest_automation(struct cli *cli)
{
    struct api_path path = api_path("automations", NULL, "");
    struct api_call call = { .method = "GET", .path = &path, .quiet = true };
    struct bytes wanted = text(cli->request.words[0]);
    struct nearest near = { 0 };
    const json_t *item;
    json_t *page;
    size_t i;
    api_query(&path, "limit", "1000");
    if (api_call(cli, &call, &page, NULL) != EXIT_DONE)
        return;
    json_array_foreach(json_object_get(page, "items"), i, item)
        nearest_try(&near, wanted, text_of(item, "name"));
    if (near.word != NULL && !bytes_equal(wanted, text(near.word)))
        cli_complain("did you mean %s?", near.word);
    json_decref(page);
}

static CURLcode
perform(const struct cli *cli, const struct api_call *call, struct buffer *got,
    long *http, char why[CURL_ERROR_SIZE])
{
    CURL *curl = begin(
        cli, call->path, call->timeout_ms > 0 ? call->timeout_ms : API_TIMEOUT_MS, why);
    struct curl_slist *headers =
        add_header(usual_headers(cli), "Accept", "application/json");
    if (call->content_type != NULL) {
        headers = add_header(headers, "Content-Type", call->content_type);
        curl_easy_setopt(
            curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
            call->body.size > 0 ? (const char *)call->body.data : "");
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, got);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, http);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return code;
}

enum exit_code
api_call(struct cli *cli, const struct api_call *call, json_t **answer, long *http)
{
    struct buffer got = { 0 };
    char why[CURL_ERROR_SIZE];
    long status = 0;
    *answer = NULL;
    enum exit_code e = cli_find_engine(cli);
    if (e != EXIT_DONE)
        return e;
    CURLcode code = perform(cli, call, &got, &status, why);
    if (code != CURLE_OK) {
        e = call->quiet ? EXIT_AWAY : complain_broken(cli, code, why);
    } else {
        bool empty = got.size == 0 && status >= 200 && status < 300;
        *answer = empty ? json_object() : answer_read(buffer_bytes(&got));
        if (status < 200 || status > 299 || *answer == NULL) {
            if (!call->quiet)
                complain_refused(cli, call->about, status, *answer);
            if (!call->quiet && status == 404 && names_automation(&cli->request))
                suggest_automation(cli);
            json_decref(*answer);
            *answer = NULL;
            e = EXIT_REFUSED;
        }
    }
    if (http != NULL)
        *http = status;
    buffer_free(&got);
    return e;
}

enum exit_code
api_post(
    struct cli *cli, const struct api_path *path, const json_t *body, json_t **answer)
{
    return api_send(cli, "POST", path, body, answer);
}

enum exit_code
api_send(struct cli *cli, const char *method, const struct api_path *path,
    const json_t *body, json_t **answer)
{
    struct api_call call = { .method = method, .path = path };
    struct buffer written = { 0 };
    if (body != NULL) {
        if (!answer_write(body, JSON_COMPACT, &written)) {
            cli_complain("the request is not valid UTF-8");
            return EXIT_USAGE;
        }
        call.content_type = "application/json";
        call.body = buffer_bytes(&written);
    }
    enum exit_code e = api_call(cli, &call, answer, NULL);
    buffer_free(&written);
    return e;
}

void
api_set(json_t *body, const char *name, const char *value)
{
    if (value != NULL)
        json_object_set_new(body, name, json_string_nocheck(value));
}

enum exit_code
api_get(struct cli *cli, const struct api_path *path, json_t **answer)
{
    struct api_call call = { .method = "GET", .path = path };
    return api_call(cli, &call, answer, NULL);
}

/* What came of a stream: events, or a refusal that is kept to be shown. */
struct following {
    const struct api_stream *follow;
    CURL *curl;
    struct buffer refusal;
    bool too_large;
};

static size_t
feed(char *data, size_t one, size_t size, void *self)
{
    struct following *f = self;
    long http = 0;
    (void)one;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &http);
    if (http != 200)
        return keep(data, 1, size, &f->refusal);
    f->too_large = stream_feed(f->follow->stream, bytes_of(data, size)) != ERR_NONE;
    return f->too_large || f->follow->stream->ended ? 0 : size;
}

static int
on_tick(void *self, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct following *f = self;
    (void)a, (void)b, (void)c, (void)d;
    if (f->follow->tick != NULL)
        f->follow->tick(f->follow->self);
    return 0;
}

static enum exit_code
end_following(struct cli *cli, const struct following *f, CURLcode code, long http)
{
    if (http != 0 && http != 200 && code == CURLE_OK) {
        json_t *answer = answer_read(buffer_bytes(&f->refusal));
        if (http != 503)
            complain_refused(cli, NULL, http, answer);
        json_decref(answer);
        return http == 503 ? EXIT_AWAY : EXIT_REFUSED;
    }
    if (f->too_large) {
        cli_complain("an event is too large");
        return EXIT_REFUSED;
    }
    return f->follow->stream->ended || (code == CURLE_OK && http == 200) ? EXIT_DONE
                                                                         : EXIT_AWAY;
}

enum exit_code
api_follow(
    struct cli *cli, const struct api_path *path, const struct api_stream *follow)
{
    uint64_t begin_ms = clock_monotonic_ms();
    char why[CURL_ERROR_SIZE];
    enum exit_code e = cli_find_engine(cli);
    if (e != EXIT_DONE)
        return e;
    struct following f = { .follow = follow,
        .curl = begin(cli, path, follow->timeout_ms, why) };
    struct curl_slist *headers =
        add_header(usual_headers(cli), "Accept", "text/event-stream");
    long http = 0;
    if (follow->after[0] != '\0')
        headers = add_header(headers, "Last-Event-ID", follow->after);
    curl_easy_setopt(f.curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(f.curl, CURLOPT_WRITEFUNCTION, feed);
    curl_easy_setopt(f.curl, CURLOPT_WRITEDATA, &f);
    curl_easy_setopt(f.curl, CURLOPT_NOPROGRESS, follow->tick == NULL ? 1L : 0L);
    curl_easy_setopt(f.curl, CURLOPT_XFERINFOFUNCTION, on_tick);
    curl_easy_setopt(f.curl, CURLOPT_XFERINFODATA, &f);
    curl_easy_setopt(f.curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(f.curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
    CURLcode code = curl_easy_perform(f.curl);
    curl_easy_getinfo(f.curl, CURLINFO_RESPONSE_CODE, &http);
    e = complain_untrusted(cli, code, why) ? EXIT_REFUSED
                                           : end_following(cli, &f, code, http);
    if (e == EXIT_AWAY && follow->timeout_ms > 0
        && clock_monotonic_ms() - begin_ms >= follow->timeout_ms)
        e = EXIT_LATE;
    curl_slist_free_all(headers);
    curl_easy_cleanup(f.curl);
    buffer_free(&f.refusal);
    stream_restart(follow->stream);
    return e;
}
