/* Goal: leases outlive connections and lives of gateway, scheduler and lease actor.
 * Method: every word that the lease actor says is compared. */
#include "base/pack.h"
#include "tests/traces/lease_story.h"
#include "tests/traces/suites.h"

static const struct bytes none = { 0 };

static void
open_held(struct trace *t)
{
    lease_story_open(t);
    lease_register(t, (struct worker){ .session = 1 });
    lease_offer(t, (struct offered){ .run = 1 });
    lease_told(t);
    trace_skip(t);
}

static struct bytes
session_token_of(struct trace *t, unsigned session, const char *instance)
{
    struct id id = lease_session(session);
    return session_token(t->secret, &id, &t->project, text(instance), &t->kept_arena);
}

START_TEST(a_name_that_a_live_worker_uses_is_refused)
{
    struct trace t;
    open_held(&t);
    lease_register(&t, (struct worker){ .session = 2, .instance = "w1" });
    trace_expect(&t,
        "0 -> gateway refused request=7 err=7 detail=\"another live worker uses "
        "this instance id\"\n");
    trace_wait(&t, 20000);
    lease_register(&t, (struct worker){ .session = 2, .instance = "w1" });
    trace_expect(&t,
        "20000 worker_joined session=S2 instance=w1 capacity=1 dialect=zmq\n"
        "20000 -> gateway worker_registered request=7 session=S2 token=… "
        "lease_ms=30000 heartbeat_ms=10000\n");
    trace_wait(&t, 10000);
    trace_expect(&t,
        "30000 -> scheduler.0 job_lost run=R1 attempt=1 offer=1 session=S1\n"
        "30000 worker_left session=S1 gone=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_worker_without_a_name_is_refused)
{
    struct trace t;
    char name[202];
    lease_story_open(&t);
    memset(name, 'n', 201);
    name[201] = '\0';
    lease_register(&t, (struct worker){ .session = 2, .instance = "" });
    lease_register(&t, (struct worker){ .session = 2, .instance = name });
    trace_expect(&t,
        "0 -> gateway refused request=7 err=2 detail=\"instance must have 1 to 200 "
        "bytes\"\n"
        "0 -> gateway refused request=7 err=2 detail=\"instance must have 1 to 200 "
        "bytes\"\n");
    lease_register(&t, (struct worker){ .session = 2, .instance = name + 1 });
    trace_expect_only(&t, "refused", "");
    trace_close(&t);
}
END_TEST

START_TEST(more_workers_than_sessions_max_are_refused)
{
    struct trace t;
    lease_story_open(&t);
    t.config.sessions_max = 1;
    lease_register(&t, (struct worker){ .session = 1 });
    trace_skip(&t);
    lease_register(&t, (struct worker){ .session = 2 });
    trace_expect(&t,
        "0 -> gateway refused request=7 err=13 detail=\"as many workers as "
        "sessions_max\"\n");
    lease_register(&t, (struct worker){ .session = 1 });
    trace_expect_only(&t, "registered",
        "0 -> gateway worker_registered request=7 session=S1 token=… lease_ms=30000 "
        "heartbeat_ms=10000\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_session_token_resumes_the_session_and_its_leases)
{
    struct trace t;
    open_held(&t);
    lease_register(&t, (struct worker){ .session = 2,
                           .instance = "w1",
                           .token = session_token_of(&t, 1, "w1"),
                           .held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none),
                           .gateway = 4 });
    trace_expect(&t,
        "0 worker_joined session=S1 instance=w1 capacity=1 dialect=zmq gateway=4\n"
        "0 -> gateway worker_registered request=7 session=S1 token=… lease_ms=30000 "
        "heartbeat_ms=10000\n");
    trace_close(&t);
}
END_TEST

START_TEST(who_resumes_without_its_job_gives_it_back)
{
    struct trace t;
    open_held(&t);
    lease_register(&t,
        (struct worker){
            .session = 2, .instance = "w1", .token = session_token_of(&t, 1, "w1") });
    trace_expect(&t,
        "0 worker_joined session=S1 instance=w1 capacity=1 dialect=zmq\n"
        "0 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n"
        "0 -> gateway worker_registered request=7 session=S1 token=… lease_ms=30000 "
        "heartbeat_ms=10000\n");
    trace_close(&t);
}
END_TEST

/* Its gateway has not heard yet which session it is. */
START_TEST(who_resumes_and_leaves_before_it_is_answered_gives_back_what_it_held)
{
    struct trace t;
    open_held(&t);
    struct worker_gone gone = { .session = lease_session(2),
        .goodbye = 1,
        .token = session_token_of(&t, 1, "w1"),
        .instance = text("w1") };
    lease_register(
        &t, (struct worker){ .session = 2,
                .instance = "w1",
                .token = gone.token,
                .held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none) });
    trace_skip(&t);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_GONE, .worker_gone = gone });
    trace_expect(&t,
        "0 worker_left session=S1 leaving=1\n"
        "0 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n"
        "0 worker_left session=S1 gone=1\n");
    /* A token that is not genuine made it a session of its own. */
    lease_register(
        &t, (struct worker){ .session = 2, .instance = "w2", .token = gone.token });
    trace_skip(&t);
    gone.instance = text("w2");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_GONE, .worker_gone = gone });
    trace_expect(&t, "0 worker_left session=S2 leaving=1\n"
                     "0 worker_left session=S2 gone=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_session_token_that_is_not_genuine_gets_a_fresh_session)
{
    struct trace t;
    open_held(&t);
    struct bytes token = session_token_of(&t, 1, "w1");
    uint8_t forged[SESSION_TOKEN_SIZE];
    memcpy(forged, token.data, sizeof forged);
    forged[0] ^= 1;
    lease_register(
        &t, (struct worker){ .session = 2, .token = bytes_of(forged, sizeof forged) });
    trace_expect_only(&t, "joined",
        "0 worker_joined session=S2 instance=w2 capacity=1 dialect=zmq\n");
    lease_register(&t, (struct worker){ .session = 3, .token = token });
    trace_expect_only(&t, "joined",
        "0 worker_joined session=S3 instance=w3 capacity=1 dialect=zmq\n");
    lease_register(
        &t, (struct worker){ .session = 4, .token = bytes_of(token.data, 31) });
    trace_expect_only(&t, "joined",
        "0 worker_joined session=S4 instance=w4 capacity=1 dialect=zmq\n");
    t.project = id_of_name(text("elsewhere"));
    lease_register(
        &t, (struct worker){ .session = 5, .instance = "w1", .token = token });
    trace_expect_only(&t, "joined",
        "0 worker_joined session=S5 instance=w1 capacity=1 dialect=zmq\n");
    trace_close(&t);
}
END_TEST

START_TEST(after_a_restart_a_lease_is_adopted_before_its_scheduler_speaks)
{
    struct trace t;
    open_held(&t);
    trace_restart(&t);
    trace_skip(&t);
    lease_register(
        &t, (struct worker){ .session = 2,
                .instance = "w1",
                .token = session_token_of(&t, 1, "w1"),
                .held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none) });
    trace_expect(&t,
        "0 worker_joined session=S1 instance=w1 capacity=1 dialect=zmq\n"
        "0 job_adopted run=R1 attempt=1 offer=1 session=S1\n"
        "0 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1 "
        "unknown=1\n"
        "0 -> gateway worker_registered request=7 session=S1 token=… lease_ms=30000 "
        "heartbeat_ms=10000\n");
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    trace_expect(&t,
        "0 job_offered run=R1 attempt=1 offer=1 lane=1 key=a automation=flow "
        "action=x queue=default parameters=(1 bytes) leased=1 session=S1\n");
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    trace_expect(&t, "");
    lease_report(&t, 1, lease_token_of(&t, 1, 1, 1, 1));
    trace_expect_only(&t, "job_reported",
        "0 -> scheduler.0 job_reported run=R1 attempt=1 offer=1 session=S1 outcome=1 "
        "worker=w1\n");
    trace_close(&t);
}
END_TEST

START_TEST(after_a_restart_a_lease_is_adopted_after_its_scheduler_spoke)
{
    struct trace t;
    open_held(&t);
    trace_restart(&t);
    trace_skip(&t);
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    trace_expect(&t,
        "0 job_offered run=R1 attempt=1 offer=1 lane=1 key=a automation=flow "
        "action=x queue=default parameters=(1 bytes) leased=1 session=S1\n");
    trace_wait(&t, 29999);
    lease_register(
        &t, (struct worker){ .session = 2,
                .instance = "w1",
                .token = session_token_of(&t, 1, "w1"),
                .held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none) });
    trace_expect_only(&t, "job_",
        "29999 job_adopted run=R1 attempt=1 offer=1 session=S1\n"
        "29999 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 "
        "worker=w1\n");
    trace_wait(&t, 29999);
    trace_expect(&t, "");
    trace_close(&t);
}
END_TEST

START_TEST(a_grant_that_its_scheduler_never_heard_of_is_adopted)
{
    struct trace t;
    open_held(&t);
    trace_restart(&t);
    lease_offer(&t, (struct offered){ .run = 1, .unsure = true });
    lease_register(&t, (struct worker){ .session = 2 });
    trace_wait(&t, 499);
    trace_skip(&t);
    lease_register(
        &t, (struct worker){ .session = 1,
                .held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none) });
    trace_expect_only(&t, "job_",
        "499 job_adopted run=R1 attempt=1 offer=1 session=S1\n"
        "499 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 "
        "worker=w1\n");
    trace_wait(&t, 10000);
    trace_expect_only(&t, "job_", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_grant_that_nobody_has_heard_of_is_returned_soon)
{
    struct trace t;
    open_held(&t);
    trace_restart(&t);
    lease_offer(&t, (struct offered){ .run = 1, .unsure = true });
    lease_register(&t, (struct worker){ .session = 2 });
    trace_skip(&t);
    trace_wait(&t, 500);
    trace_expect(&t, "500 -> scheduler.0 job_returned run=R1 attempt=1 offer=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(who_cannot_say_what_it_held_is_told_after_a_restart)
{
    struct trace t;
    open_held(&t);
    trace_restart(&t);
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    lease_offer(&t, (struct offered){ .run = 2, .leased = 2 });
    trace_skip(&t);
    lease_register(&t, (struct worker){ .session = 1, .recall = true });
    trace_expect(&t,
        "0 worker_joined session=S1 instance=w1 capacity=1 dialect=zmq recall=1\n"
        "0 job_adopted run=R1 attempt=1 offer=1 session=S1\n"
        "0 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n"
        "0 -> gateway worker_registered request=7 session=S1 token=… lease_ms=30000 "
        "heartbeat_ms=10000 recalled=(63 bytes)\n");
    lease_report(&t, 1, lease_token_of(&t, 1, 1, 1, 1));
    trace_expect_only(&t, "job_reported",
        "0 -> scheduler.0 job_reported run=R1 attempt=1 offer=1 session=S1 outcome=1 "
        "worker=w1\n");
    trace_close(&t);
}
END_TEST

START_TEST(it_is_told_with_its_heartbeat_if_its_scheduler_spoke_later)
{
    struct trace t;
    open_held(&t);
    trace_restart(&t);
    lease_register(&t, (struct worker){ .session = 1, .recall = true });
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    trace_skip(&t);
    lease_heartbeat(&t, 1, none);
    trace_expect(&t,
        "0 worker_heard session=S1\n"
        "0 job_adopted run=R1 attempt=1 offer=1 session=S1\n"
        "0 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n"
        "0 -> gateway heartbeat_answer session=S1 request=8 known=1 "
        "recalled=(63 bytes)\n");
    lease_heartbeat(&t, 1, lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none));
    trace_expect(&t, "0 worker_heard session=S1\n"
                     "0 -> gateway heartbeat_answer session=S1 request=8 known=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(it_is_told_what_it_holds_when_its_gateway_began_anew)
{
    struct trace t;
    open_held(&t);
    trace_hello(&t, ACTOR_gateway, 0, 2);
    trace_skip(&t);
    lease_register(&t, (struct worker){ .session = 1, .recall = true });
    trace_expect_only(&t, "job_", "");
    lease_heartbeat(&t, 1, lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none));
    trace_wait(&t, 29999);
    trace_expect_only(&t, "job_", "");
    trace_close(&t);
}
END_TEST

START_TEST(a_grant_that_it_does_not_name_never_arrived_if_its_gateway_lived)
{
    struct trace t;
    open_held(&t);
    lease_register(&t, (struct worker){ .session = 1, .recall = true });
    trace_expect_only(&t, "job_",
        "0 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n");
    trace_close(&t);
}
END_TEST

START_TEST(nobody_is_told_of_the_leases_of_another_project)
{
    struct trace t;
    open_held(&t);
    trace_restart(&t);
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    trace_skip(&t);
    t.project = id_of_name(text("another"));
    lease_register(&t, (struct worker){ .session = 1, .recall = true });
    trace_expect_only(&t, "job_", "");
    trace_close(&t);
}
END_TEST

START_TEST(an_offer_that_an_earlier_life_may_have_granted_is_not_granted)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(&t, (struct worker){ .session = 1 });
    trace_skip(&t);
    lease_offer(&t, (struct offered){ .run = 1, .life = 7 });
    trace_expect(&t, "");
    lease_offer(&t, (struct offered){ .run = 1 });
    trace_wait(&t, 2);
    trace_expect_only(&t, "job_leased",
        "2 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_lease_that_nobody_claims_is_returned)
{
    struct trace t;
    lease_story_open(&t);
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    trace_skip(&t);
    trace_wait(&t, 29999);
    trace_expect(&t, "");
    trace_wait(&t, 1);
    trace_expect(
        &t, "30000 -> scheduler.0 job_returned run=R1 attempt=1 offer=1 session=S1\n");
    lease_settle(&t, 1, 1, 1, 1, VERDICT_STALE, false);
    lease_register(&t, (struct worker){ .session = 2 });
    trace_skip(&t);
    lease_offer(&t, (struct offered){ .run = 1, .offer = 2 });
    trace_expect_only(&t, "granted",
        "30000 -> gateway job_granted session=S2 run=R1 attempt=1 offer=2 token=(60 "
        "bytes) key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_claim_under_an_older_offer_is_lost)
{
    struct trace t;
    lease_story_open(&t);
    lease_offer(&t, (struct offered){ .run = 1, .offer = 2 });
    trace_skip(&t);
    lease_register(
        &t, (struct worker){ .session = 1,
                .held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none) });
    trace_expect(&t,
        "0 worker_joined session=S1 instance=w1 capacity=1 dialect=zmq\n"
        "0 -> gateway worker_registered request=7 session=S1 token=… lease_ms=30000 "
        "heartbeat_ms=10000 lost=(63 bytes)\n"
        "0 -> gateway job_granted session=S1 run=R1 attempt=1 offer=2 token=(60 bytes) "
        "key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    trace_close(&t);
}
END_TEST

START_TEST(nobody_can_claim_the_lease_of_another_session)
{
    struct trace t;
    lease_story_open(&t);
    struct bytes held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none);
    lease_register(&t, (struct worker){ .session = 1 });
    trace_skip(&t);
    lease_register(&t, (struct worker){ .session = 2, .held = held });
    trace_expect(&t,
        "0 worker_joined session=S2 instance=w2 capacity=1 dialect=zmq\n"
        "0 -> gateway worker_registered request=7 session=S2 token=… lease_ms=30000 "
        "heartbeat_ms=10000 lost=(63 bytes)\n");
    lease_heartbeat(&t, 2, held);
    trace_expect(&t,
        "0 worker_heard session=S2\n"
        "0 -> gateway heartbeat_answer session=S2 lost=(63 bytes) request=8 "
        "known=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(an_adopted_lease_that_is_not_current_is_taken_back)
{
    struct trace t;
    lease_story_open(&t);
    lease_register(
        &t, (struct worker){ .session = 1,
                .held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none) });
    trace_skip(&t);
    lease_settle(&t, 1, 1, 1, 1, VERDICT_STALE, false);
    trace_expect(&t,
        "0 -> gateway job_cancel session=S1 token=(60 bytes) reason=\"the lease is "
        "not current\"\n"
        "0 job_released run=R1 attempt=1 offer=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_gateway_that_begins_anew_has_no_connections)
{
    struct trace t;
    open_held(&t);
    trace_hello(&t, ACTOR_gateway, 0, 1);
    lease_offer(&t, (struct offered){ .run = 2 });
    trace_expect_only(&t, "leased", "");
    lease_heartbeat(&t, 1, lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none));
    lease_ready(&t, 1, 2);
    trace_expect_only(&t, "granted",
        "0 -> gateway job_granted session=S1 run=R2 attempt=1 offer=1 token=(60 "
        "bytes) key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    trace_hello(&t, ACTOR_gateway, 0, 2);
    trace_skip(&t);
    lease_offer(&t, (struct offered){ .run = 3 });
    trace_expect_only(&t, "granted", "");
    lease_register(&t, (struct worker){ .session = 2,
                           .instance = "w1",
                           .token = session_token_of(&t, 1, "w1"),
                           .capacity = 3,
                           .held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1),
                               lease_token_of(&t, 2, 1, 1, 1)) });
    trace_expect_only(&t, "job_",
        "0 -> gateway job_granted session=S1 run=R3 attempt=1 offer=1 token=(60 bytes) "
        "key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_scheduler_that_says_all_again_hears_all_again)
{
    struct trace t;
    open_held(&t);
    lease_offer(&t, (struct offered){ .run = 2 });
    lease_offer(&t, (struct offered){ .run = 3, .leased = 3 });
    lease_register(&t, (struct worker){ .session = 4, .queue = "q" });
    lease_offer(&t, (struct offered){ .run = 4, .lane = 2, .queue = "q" });
    lease_gone(&t, 4, true);
    trace_skip(&t);
    trace_hello(&t, ACTOR_scheduler, 0, 2);
    trace_expect(&t,
        "0 peer_reset actor=4 life=1\n"
        "0 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n"
        "0 -> scheduler.0 job_returned run=R4 attempt=1 offer=1 session=S4\n");
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    lease_offer(&t, (struct offered){ .run = 2 });
    lease_ready(&t, 1, 2);
    trace_expect_only(&t, "granted",
        "0 -> gateway job_granted session=S1 run=R2 attempt=1 offer=1 token=(60 "
        "bytes) key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    trace_hello(&t, ACTOR_scheduler, 1, 2);
    trace_expect(&t, "0 peer_reset actor=4 instance=1 life=1\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_scheduler_that_only_asks_keeps_its_open_jobs)
{
    struct trace t;
    open_held(&t);
    lease_offer(&t, (struct offered){ .run = 2 });
    trace_skip(&t);
    trace_hello(&t, ACTOR_scheduler, 0, RESYNC_ASKED);
    trace_expect(&t,
        "0 peer_reset actor=4\n"
        "0 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 worker=w1\n");
    lease_ready(&t, 1, 2);
    trace_expect_only(&t, "granted",
        "0 -> gateway job_granted session=S1 run=R2 attempt=1 offer=1 token=(60 "
        "bytes) key=a automation=flow action=x queue=default parameters=(1 bytes)\n");
    lease_offer(&t, (struct offered){ .run = 3 });
    trace_hello(&t, ACTOR_scheduler, 0, RESYNC_GAP);
    trace_skip(&t);
    lease_ready(&t, 1, 3);
    trace_expect_only(&t, "granted", "");
    trace_close(&t);
}
END_TEST

/* "name=text" for every text and number, "name[" for lists; enough to compare. */
static void
show(struct cursor *c, struct buffer *out)
{
    switch (cursor_type(c)) {
    case PACK_MAP: {
        size_t count = cursor_map(c);
        buffer_print(out, "{");
        for (size_t i = 0; i < count && !c->bad; i++) {
            struct bytes key = cursor_text(c);
            buffer_print(out, " %.*s=", (int)key.size, (const char *)key.data);
            show(c, out);
        }
        buffer_print(out, " }");
        return;
    }
    case PACK_ARRAY: {
        size_t count = cursor_array(c);
        buffer_print(out, "[");
        for (size_t i = 0; i < count && !c->bad; i++)
            show(c, out);
        buffer_print(out, "]");
        return;
    }
    case PACK_TEXT: {
        struct bytes said = cursor_text(c);
        buffer_print(out, "%.*s", (int)said.size, (const char *)said.data);
        return;
    }
    default: buffer_print(out, "%u", (unsigned)cursor_u64(c)); return;
    }
}

START_TEST(the_list_of_workers_says_who_holds_what)
{
    struct trace t;
    struct buffer shown = { 0 };
    open_held(&t);
    lease_register(&t, (struct worker){ .session = 2, .queue = "q", .label = "gpu" });
    lease_ready(&t, 2, 0);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_LIST, .worker_list = { .request = 5 } });
    const struct message *answer = trace_sent(&t, DOCUMENT);
    struct cursor c = cursor_over(answer->document.document);
    show(&c, &shown);
    ck_assert(cursor_done(&c));
    buffer_append(&shown, "", 1);
    ck_assert_str_eq((const char *)shown.data,
        "{ items=["
        "{ id=wsess_0vk60kv86ww8zg5561x90b9pdr instance=w1 name= version= dialect=zmq "
        "status=active queues=[] actions=[] labels=[] environment= concurrency=1 "
        "busy=1 "
        "heard_ms=0 jobs=[{ job=job_00000000z9e6k808ehaszvg1f9 "
        "run=run_00000000z9e408000000000000 step_index=0 attempt=1 leased_ms=0 }] }"
        "{ id=wsess_0c4p92r79wrq11crxrby04chqw instance=w2 name= version= dialect=zmq "
        "status=draining queues=[q] actions=[] labels=[gpu] environment= "
        "concurrency=0 busy=0 heard_ms=0 jobs=[] }] "
        "totals={ sessions=2 connected=2 concurrency=1 busy=1 } }");
    buffer_clear(&shown);
    t.project = id_of_name(text("elsewhere"));
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = WORKER_LIST, .worker_list = { .request = 6 } });
    answer = trace_sent(&t, DOCUMENT);
    c = cursor_over(answer->document.document);
    show(&c, &shown);
    buffer_append(&shown, "", 1);
    ck_assert_str_eq((const char *)shown.data, "{ items=[] totals={ sessions=0 "
                                               "connected=0 concurrency=0 busy=0 } }");
    buffer_free(&shown);
    trace_close(&t);
}
END_TEST

START_TEST(what_it_names_of_an_earlier_life_is_not_told_again)
{
    struct trace t;
    open_held(&t);
    trace_restart(&t);
    lease_offer(&t, (struct offered){ .run = 1, .leased = 1 });
    trace_skip(&t);
    lease_register(
        &t, (struct worker){ .session = 1,
                .recall = true,
                .held = lease_held(&t, lease_token_of(&t, 1, 1, 1, 1), none) });
    trace_expect(&t, "0 worker_joined session=S1 instance=w1 capacity=1 dialect=zmq "
                     "recall=1\n"
                     "0 job_adopted run=R1 attempt=1 offer=1 session=S1\n"
                     "0 -> scheduler.0 job_leased run=R1 attempt=1 offer=1 session=S1 "
                     "worker=w1\n"
                     "0 -> gateway worker_registered request=7 session=S1 token=… "
                     "lease_ms=30000 heartbeat_ms=10000\n");
    trace_close(&t);
}
END_TEST

START_TEST(a_session_of_another_project_is_not_told_what_this_one_holds)
{
    struct trace t;
    open_held(&t);
    trace_hello(&t, ACTOR_gateway, 0, 2);
    trace_skip(&t);
    t.project = id_of_name(text("another"));
    lease_register(&t, (struct worker){ .session = 1, .recall = true });
    trace_expect_only(&t, "worker_registered",
        "0 -> gateway worker_registered request=7 session=S1 token=… "
        "lease_ms=30000 heartbeat_ms=10000\n");
    trace_close(&t);
}
END_TEST

/* Its scheduler refuses the lease of another session, and whoever holds it goes on. */
START_TEST(who_holds_a_job_does_not_stop_when_another_is_refused_it)
{
    struct trace t;
    open_held(&t);
    lease_settle(&t, 1, 1, 1, 2, VERDICT_STALE, false);
    trace_expect(&t, "0 job_released run=R1 attempt=1 offer=1\n");
    trace_close(&t);
}
END_TEST

Suite *
lease_lives_suite(void)
{
    Suite *suite = suite_create("lease lives");
    TCase *tests = tcase_create("lease lives");
    tcase_add_test(tests, a_name_that_a_live_worker_uses_is_refused);
    tcase_add_test(tests, a_worker_without_a_name_is_refused);
    tcase_add_test(tests, more_workers_than_sessions_max_are_refused);
    tcase_add_test(tests, a_session_token_resumes_the_session_and_its_leases);
    tcase_add_test(tests, who_resumes_without_its_job_gives_it_back);
    tcase_add_test(
        tests, who_resumes_and_leaves_before_it_is_answered_gives_back_what_it_held);
    tcase_add_test(tests, a_session_token_that_is_not_genuine_gets_a_fresh_session);
    tcase_add_test(
        tests, after_a_restart_a_lease_is_adopted_before_its_scheduler_speaks);
    tcase_add_test(tests, after_a_restart_a_lease_is_adopted_after_its_scheduler_spoke);
    tcase_add_test(tests, a_grant_that_its_scheduler_never_heard_of_is_adopted);
    tcase_add_test(tests, a_grant_that_nobody_has_heard_of_is_returned_soon);
    tcase_add_test(tests, who_cannot_say_what_it_held_is_told_after_a_restart);
    tcase_add_test(tests, it_is_told_with_its_heartbeat_if_its_scheduler_spoke_later);
    tcase_add_test(tests, it_is_told_what_it_holds_when_its_gateway_began_anew);
    tcase_add_test(
        tests, a_grant_that_it_does_not_name_never_arrived_if_its_gateway_lived);
    tcase_add_test(tests, nobody_is_told_of_the_leases_of_another_project);
    tcase_add_test(
        tests, an_offer_that_an_earlier_life_may_have_granted_is_not_granted);
    tcase_add_test(tests, a_lease_that_nobody_claims_is_returned);
    tcase_add_test(tests, a_claim_under_an_older_offer_is_lost);
    tcase_add_test(tests, nobody_can_claim_the_lease_of_another_session);
    tcase_add_test(tests, an_adopted_lease_that_is_not_current_is_taken_back);
    tcase_add_test(tests, a_gateway_that_begins_anew_has_no_connections);
    tcase_add_test(tests, a_scheduler_that_says_all_again_hears_all_again);
    tcase_add_test(tests, a_scheduler_that_only_asks_keeps_its_open_jobs);
    tcase_add_test(tests, the_list_of_workers_says_who_holds_what);
    tcase_add_test(tests, what_it_names_of_an_earlier_life_is_not_told_again);
    tcase_add_test(tests, a_session_of_another_project_is_not_told_what_this_one_holds);
    tcase_add_test(tests, who_holds_a_job_does_not_stop_when_another_is_refused_it);
    suite_add_tcase(suite, tests);
    return suite;
}
