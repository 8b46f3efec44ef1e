package session

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	leaseMS     = 30000
	heartbeatMS = 10000
	idleMS      = 180000
)

type message = map[string]any

// A stage is a session whose clock, socket and gateway are the test.
type stage struct {
	*Session
	t      *testing.T
	said   []message
	full   bool // there is no room in the socket
	memory int  // of logs
	causes []error
}

func newStage(t *testing.T, concurrency int) *stage {
	st := &stage{t: t}
	st.Session = New(Config{Instance: "i", Actions: []string{"a"}, Concurrency: concurrency,
		Drain: 10 * time.Second, Log: slog.New(slog.NewTextHandler(&strings.Builder{}, nil)),
		Random: func() float64 { return 0.5 },
		Send: func(frame []byte) bool {
			if !st.full {
				var m message
				if err := Unpack(frame, &m); err != nil {
					t.Fatal(err)
				}
				st.said = append(st.said, m)
			}
			return !st.full
		},
		Logged: func(size int) { st.memory -= size }}, time.Unix(1000, 0))
	return st
}

// member is a stage whose session is let in.
func member(t *testing.T, concurrency int) *stage {
	st := newStage(t, concurrency)
	st.Tick()
	st.Connected()
	st.letIn()
	st.expect("register")
	return st
}

func (st *stage) letIn() {
	st.hear(message{"type": "registered", "session": []byte("s"), "lease_ms": leaseMS,
		"heartbeat_ms": heartbeatMS, "idle_ms": idleMS, "payload_max": 1000})
}

func (st *stage) hear(m message) {
	st.Hear(encode(m))
	st.turn()
}

func (st *stage) turn() {
	st.Tick()
	if !st.Done {
		st.Say()
	}
}

// after lets time pass, and the session do what is due by then.
func (st *stage) after(d time.Duration) *stage {
	end := st.Now.Add(d)
	for due := st.Due(); !st.Done && !due.IsZero() && !due.After(end); due = st.Due() {
		if due.After(st.Now) {
			st.Now = due
		}
		before := len(st.said)
		st.turn()
		if again := st.Due(); again.Equal(due) && len(st.said) == before && !st.Done {
			st.t.Fatalf("it would ask for %v for ever", due)
		}
	}
	st.Now = end
	return st
}

// expect compares the types of what was said since the last time, and returns the last.
func (st *stage) expect(types ...string) (last message) {
	st.t.Helper()
	var got []string
	for _, last = range st.said {
		got = append(got, last["type"].(string))
	}
	st.said = nil
	if strings.Join(got, " ") != strings.Join(types, " ") {
		st.t.Fatalf("it said %v, not %v", got, types)
	}
	return last
}

func (st *stage) check(what string, got, want any) {
	st.t.Helper()
	if !reflect.DeepEqual(got, want) {
		st.t.Fatalf("%s: %v, not %v", what, got, want)
	}
}

// job has a job granted, and begun if there is room.
func (st *stage) job(token string) *Lease {
	st.hear(message{"type": "job", "token": []byte(token), "job": "job_" + token, "action": "a"})
	lease := st.Next()
	if lease != nil {
		lease.Stop = func(cause error) { st.causes = append(st.causes, cause) }
	}
	return lease
}

func (st *stage) over(lease *Lease) {
	st.Over(lease, Report{Outcome: "completed"})
	st.turn()
}

func (st *stage) ack(token string) {
	st.hear(message{"type": "ack", "token": []byte(token), "verdict": "accepted"})
}

func TestItRegistersFirstAndSaysNothingBeforeTheAnswer(t *testing.T) {
	st := member(t, 2)
	lease := st.job("1")
	st.hear(message{"type": "register"})
	register := st.expect("register")
	st.check("session", register["session"], "s")
	st.check("held", register["held"], []any{"1"})
	st.over(lease)
	st.after(4 * time.Second)
	st.hear(message{"type": "register"})
	st.expect()
	st.letIn()
	st.expect("report")
}

func TestHeartbeatsAreAsOftenAsWhatIsHeldAsksFor(t *testing.T) {
	st := member(t, 1)
	st.after(150 * time.Second).expect()
	st.hear(message{"type": "fanfare"})
	lease := st.job("1")
	st.after(9400 * time.Millisecond).expect()
	beat := st.after(200 * time.Millisecond).expect("heartbeat") // a twentieth early
	st.check("held", beat["held"], []any{"1"})
	st.hear(message{"type": "heartbeat"})
	st.over(lease)
	st.check("held", st.after(9600*time.Millisecond).expect(
		"report", "report", "report", "heartbeat")["held"], []any{"1"})
}

func TestAReportIsSaidAgainEverSlowerUntilItIsAcknowledged(t *testing.T) {
	st := member(t, 1)
	st.over(st.job("1"))
	st.expect("report")
	for _, seconds := range []int{2, 4, 8, 10, 10} {
		for i := 1; i < seconds; i++ {
			st.after(time.Second)
			st.hear(message{"type": "heartbeat"})
		}
		for _, m := range st.said {
			st.check("type", m["type"], "heartbeat")
		}
		st.said = nil
		st.after(time.Second)
		st.check("last", st.said[len(st.said)-1]["type"], "report")
		st.said = nil
	}
	st.ack("1")
	st.hear(message{"type": "heartbeat"})
	st.after(20 * time.Second)
	for _, m := range st.said {
		st.check("type", m["type"], "heartbeat")
	}
}

func TestActionsAreStoppedBeforeTheirLeasesCanBeAnothers(t *testing.T) {
	st := member(t, 2)
	lease := st.job("1")
	st.over(st.job("2"))
	st.after(26999 * time.Millisecond)
	st.check("causes", len(st.causes), 0)
	st.after(time.Millisecond)
	st.check("causes", st.causes, []error{ErrLost})
	st.check("held", st.held(), [][]byte{[]byte("2")}) // what is done is kept
	st.Over(lease, Report{Outcome: "completed"})
	st.check("held", st.held(), [][]byte{[]byte("2")})
}

func TestTheFenceMovesWithTheHeartbeatThatIsAnswered(t *testing.T) {
	st := member(t, 1)
	st.job("1")
	st.after(10 * time.Second) // said at 9.5
	st.hear(message{"type": "heartbeat", "sequence": 1})
	st.hear(message{"type": "heartbeat", "sequence": 1})
	st.check("fence", st.fence(), time.Unix(1000, 0).Add(36500*time.Millisecond))
	st.after(26499 * time.Millisecond)
	st.check("causes", len(st.causes), 0)
	st.after(time.Millisecond)
	st.check("causes", len(st.causes), 1)
}

func TestAJobThatComesAfterLongIdlenessHasAFullLeaseButOneHeartbeat(t *testing.T) {
	st := member(t, 1)
	st.after(100 * time.Second)
	st.job("1")
	st.after(16999 * time.Millisecond)
	st.check("causes", len(st.causes), 0)
	st.after(time.Millisecond)
	st.check("causes", len(st.causes), 1)
}

func TestItCallsAgainEverSlowerUntilAHeartbeatIsAnswered(t *testing.T) {
	st := newStage(t, 1)
	for _, ms := range []int{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		st.Tick()
		st.check("state", st.State(), Calling)
		st.Broken("refused")
		st.check("wait", st.Due(), st.Now.Add(time.Duration(ms)*time.Millisecond))
		st.Now = st.Due()
	}
	st.Tick()
	st.after(5 * time.Second)
	st.check("state", st.State(), Away) // nobody was there in time
	st.Now = st.Due()
	st.Tick()
	st.Connected()
	st.letIn()
	st.Broken("again")
	st.check("wait", st.Due(), st.Now.Add(5*time.Second))
	st.Now = st.Due()
	st.Tick()
	st.Connected()
	st.letIn()
	st.after(idleMS * time.Millisecond)
	st.hear(message{"type": "heartbeat", "sequence": 1})
	st.Broken("again")
	st.check("wait", st.Due(), st.Now.Add(100*time.Millisecond))
}

func TestASilentGatewayIsGivenUp(t *testing.T) {
	st := member(t, 1)
	st.after(449 * time.Second)
	st.check("state", st.State(), Member)
	st.after(time.Second)
	st.check("state", st.State(), Away)
	st = member(t, 1)
	st.job("1")
	st.after(24999 * time.Millisecond)
	st.check("state", st.State(), Member)
	st.after(time.Millisecond)
	st.check("state", st.State(), Away)
	st = newStage(t, 1)
	st.Tick()
	st.Connected()
	st.after(4999 * time.Millisecond)
	st.check("state", st.State(), Asking)
	st.after(time.Millisecond)
	st.check("state", st.State(), Away)
}

func TestNoMoreJobsRunThanWereAgreedTo(t *testing.T) {
	st := member(t, 2)
	first := st.job("1")
	st.job("2")
	st.job("3")
	st.check("held", len(st.held()), 2) // one too many was passed over
	st.hear(message{"type": "heartbeat", "lost": [][]byte{[]byte("1")}})
	st.check("capacity", st.expect("ready")["concurrency"], int64(1))
	if lease := st.job("4"); lease != nil {
		t.Fatal("a third action began")
	}
	st.over(first)
	st.check("capacity", st.expect("ready")["concurrency"], int64(2))
	st.check("begun", st.Next().Job.ID, "job_4")
	// Nor are more kept than there can be, whatever the gateway says.
	st = member(t, 2)
	for i := 0; i < 10; i++ {
		if lease := st.job(fmt.Sprint(i)); lease != nil {
			st.over(lease)
		}
	}
	st.check("held", len(st.held()), 4)
}

func TestAJobThatComesTwiceIsOne(t *testing.T) {
	st := member(t, 2)
	st.job("1")
	if st.job("1") != nil || len(st.held()) != 1 {
		t.Fatal("it was begun twice")
	}
}

func TestACancelReachesActionsAndWhatIsNotBegun(t *testing.T) {
	st := member(t, 1)
	st.job("1")
	st.hear(message{"type": "heartbeat", "cancel": [][]byte{[]byte("1"), []byte("0")}})
	st.hear(message{"type": "cancel", "token": []byte("1"), "reason": "enough"})
	st.check("causes", errors.Is(st.causes[0], ErrCancelled), true)
	st.check("reason", strings.HasSuffix(st.causes[1].Error(), "enough"), true)
	st.hear(message{"type": "heartbeat", "lost": [][]byte{[]byte("1")}})
	st.expect("ready")
	st.job("2") // waits for 1, which runs without a lease
	st.hear(message{"type": "cancel", "token": []byte("2")})
	st.check("outcome", st.expect("report")["outcome"], "cancelled")
	st.job("3")
	st.hear(message{"type": "heartbeat", "lost": [][]byte{[]byte("3")}})
	st.check("waiting", len(st.waiting), 0)
	st.check("open", st.open, 0)
}

func TestLeavingGivesBackWhatIsNotBegunAndFinishesTheRest(t *testing.T) {
	st := member(t, 2)
	orphan := st.job("1")
	st.hear(message{"type": "heartbeat", "lost": [][]byte{[]byte("1")}})
	lease := st.job("2")
	st.job("3") // waits
	st.expect("ready")
	st.Stop()
	st.turn()
	st.check("outcome", st.expect("drain", "report")["outcome"], "returned")
	st.ack("3")
	st.job("4") // was on its way
	st.check("outcome", st.expect("report")["outcome"], "returned")
	st.ack("4")
	st.over(lease)
	st.expect("report")
	st.ack("2")
	st.check("done", st.Done, false)
	st.over(orphan)
	st.expect("goodbye")
	st.check("error", st.Err, nil)
}

func TestWhatIsNotFinishedInTimeIsLeftToOthers(t *testing.T) {
	for _, twice := range []bool{false, true} {
		st := member(t, 1)
		lease := st.job("1")
		st.Stop()
		if twice {
			st.Stop()
		} else {
			st.after(9999 * time.Millisecond)
			st.check("causes", len(st.causes), 0)
			st.after(time.Millisecond)
		}
		st.turn()
		st.check("causes", st.causes, []error{ErrLost})
		st.Stop() // does not shorten the grace
		st.after(499 * time.Millisecond)
		st.check("done", st.Done, false)
		st.Over(lease, Report{Outcome: "completed"})
		st.turn()
		st.check("error", st.Err, ErrUnfinished)
		st.check("last", st.said[len(st.said)-1]["type"], "goodbye")
		for _, m := range st.said {
			st.check("no report", m["type"] != "report", true)
		}
	}
	st := member(t, 1)
	st.job("1")
	st.Stop()
	st.Stop()
	st.after(time.Second)
	st.check("error", st.Err, ErrUnfinished)
}

func TestItLeavesWhenAskedToAndComesBackAfterTheEngine(t *testing.T) {
	st := member(t, 1)
	st.hear(message{"type": "drain"})
	st.check("capacity", st.expect("ready")["concurrency"], int64(0))
	st.hear(message{"type": "register"})
	st.check("capacity", st.expect("register")["concurrency"], int64(1))
	st.letIn()
	st.hear(message{"type": "drain", "leave": true})
	st.expect("goodbye")
	st.check("error", st.Err, nil)
}

func TestErrorsOfTheEngineMeanWhatTheProtocolSays(t *testing.T) {
	const (
		ends  = "ends"
		later = "later"
		on    = "goes on"
	)
	for _, row := range []struct{ code, asking, registered string }{
		{"unauthorized", ends, ends}, {"forbidden", ends, ends},
		{"malformed", ends, on}, {"invalid", ends, on}, {"too_large", ends, on},
		{"unsupported", ends, on}, {"conflict", later, on}, {"busy", later, on},
		{"overloaded", later, on}, {"unavailable", later, on}, {"timeout", later, on},
		{"unheard_of", later, on},
	} {
		for i, want := range []string{row.asking, row.registered} {
			st := member(t, 1)
			if i == 0 {
				st.hear(message{"type": "register"})
			}
			st.hear(message{"type": "error", "code": row.code, "message": "why"})
			got := on
			if st.Done && errors.Is(st.Err, ErrRefused) && strings.HasSuffix(st.Err.Error(), row.code+": why") {
				got = ends
			} else if st.State() == Away {
				got = later
			}
			st.check(row.code, got, want)
		}
	}
}

func TestAReportThatIsRefusedIsReplacedOnce(t *testing.T) {
	for _, row := range []struct {
		code   string
		replay bool
		held   int
	}{{"too_large", true, 1}, {"unauthorized", true, 1}, {"stale_lease", false, 0}, {"busy", false, 1}} {
		st := member(t, 1)
		st.over(st.job("1"))
		st.expect("report")
		refusal := message{"type": "error", "code": row.code, "about": "report", "token": []byte("1"),
			"message": strings.Repeat("é", 3000)}
		st.hear(message{"type": "error", "code": "stale_lease", "about": "log", "token": []byte("1")})
		st.hear(refusal)
		if row.replay {
			report := st.expect("report")
			st.check("type", report["error_type"], "ReportRefused")
			st.check("message", len(report["error_message"].(string)), 4096)
			st.hear(refusal)
			row.held = 0
		}
		st.expect()
		st.check(row.code, len(st.held()), row.held)
	}
}

func TestNoOutputIsLargerThanTheEngineTakes(t *testing.T) {
	st := member(t, 2)
	lease := st.job("1")
	st.hear(message{"type": "register"})
	output, _ := Pack(strings.Repeat("x", 900), 1000)
	st.Over(lease, Report{Outcome: "completed", Output: output})
	st.expect("register")
	st.hear(message{"type": "registered", "lease_ms": leaseMS, "heartbeat_ms": heartbeatMS,
		"payload_max": 800})
	st.check("type", st.expect("report")["error_type"], "OutputTooLarge")
}

func (st *stage) publish(id string, answers map[string]string) *Event {
	event := &Event{ID: id, Type: "t", Data: []byte{0x80}}
	event.Answer = func(number uint64, err error) {
		answers[id] += fmt.Sprint(number, err)
	}
	if err := event.Encode(); err != nil {
		st.t.Fatal(err)
	}
	st.Publish(event)
	st.turn()
	return event
}

func TestWhatIsPublishedIsSaidAgainUntilItIsAnswered(t *testing.T) {
	answers := map[string]string{}
	st := member(t, 1)
	st.publish("e1", answers)
	st.check("id", st.expect("publish")["id"], "e1")
	for _, code := range []string{"busy", "overloaded", "unavailable", "timeout"} {
		st.hear(message{"type": "error", "code": code, "about": "publish", "id": "e1"})
	}
	st.after(1999 * time.Millisecond).expect()
	st.after(time.Millisecond).expect("publish")
	st.hear(message{"type": "register"})
	st.letIn()
	st.expect("register", "publish")
	st.hear(message{"type": "published", "id": "e1", "number": 7})
	st.publish("e2", answers)
	st.hear(message{"type": "error", "code": "forbidden", "about": "publish", "id": "e2", "message": "no"})
	withdrawn := st.publish("e3", answers)
	st.Withdraw(withdrawn)
	st.expect("publish", "publish")
	st.hear(message{"type": "published", "id": "e3", "number": 8})
	large := &Event{ID: "e4", Data: make([]byte, 1001),
		Answer: func(_ uint64, err error) { answers["e4"] = err.(*EngineError).Code }}
	st.Publish(large)
	st.after(10 * time.Second).expect()
	st.check("answers", answers, map[string]string{"e1": "7 <nil>", "e2": "0 forbidden: no", "e4": "too_large"})
	st.publish("e5", answers)
	st.Stop()
	st.turn()
	st.expect("publish", "drain")
	st.hear(message{"type": "published", "id": "e5", "number": 9})
	st.expect("goodbye")
}

func TestWhatFindsNoRoomIsSaidInOrderLater(t *testing.T) {
	st := member(t, 1)
	st.full = true
	lease := st.job("1")
	st.memory += LogSize("line")
	st.Log(lease, "stdout", "line")
	st.publish("e", map[string]string{})
	st.Over(lease, Report{Outcome: "completed"})
	st.memory += LogSize("late")
	st.Log(lease, "stdout", "late") // when it is over
	st.turn()
	st.check("blocked", st.Blocked(), true)
	if due := st.Due(); !due.After(st.Now) {
		t.Fatal("it would ask for ever")
	}
	st.full = false
	st.turn()
	st.expect("log", "publish", "report")
	st.check("memory", st.memory, 0)
	st.check("blocked", st.Blocked(), false)
	st.ack("1")
	st.Broken("test")
	lease = st.Next()
	st.check("begun", lease, (*Lease)(nil))
}

func TestLogsAreDroppedWithoutAConnection(t *testing.T) {
	st := member(t, 1)
	lease := st.job("1")
	st.Broken("test")
	st.memory += LogSize("line")
	st.Log(lease, "stdout", "line")
	st.turn()
	st.check("memory", st.memory, 0)
	st.expect()
}

func TestARegisteredThatMakesNoSenseIsNone(t *testing.T) {
	for _, wrong := range []message{{"lease_ms": 0}, {"heartbeat_ms": 0}, {"heartbeat_ms": leaseMS + 1},
		{"lease_ms": 1 << 40}, {"session": strings.Repeat("s", 201)}} {
		st := newStage(t, 1)
		st.Tick()
		st.Connected()
		answer := message{"type": "registered", "lease_ms": leaseMS, "heartbeat_ms": heartbeatMS}
		for key, value := range wrong {
			answer[key] = value
		}
		st.hear(answer)
		st.check(fmt.Sprint(wrong), st.State(), Asking)
	}
	st := member(t, 1)
	st.hear(message{"type": "registered", "lease_ms": 1, "heartbeat_ms": 1}) // not asked for
	st.check("lease", st.lease, leaseMS*time.Millisecond)
}

func TestHeartbeatsMayBeMoreOftenThanTheEngineAsks(t *testing.T) {
	st := newStage(t, 1)
	st.config.Heartbeat = time.Second
	st.Tick()
	st.Connected()
	st.letIn()
	for i := 0; i < 7; i++ { // the last four may be answered still
		st.after(time.Second)
		st.hear(message{"type": "fanfare"})
	}
	st.check("beats", len(st.beats), 4)
	st.hear(message{"type": "heartbeat", "sequence": st.beats[0].sequence - 1})
	st.check("confirmed", st.confirmed, st.asked)
	st.hear(message{"type": "heartbeat", "sequence": st.sequence})
	st.check("beats", len(st.beats), 0)
}

func TestASocketWithoutRoomDelaysAndNeverLoses(t *testing.T) {
	st := newStage(t, 2)
	st.Tick()
	st.full = true
	st.Connected()
	st.check("state", st.State(), Away)
	st = member(t, 2)
	st.over(st.job("1"))
	st.after(time.Second)
	st.over(st.job("2"))
	st.expect("report", "report")
	st.full = true
	st.after(3 * time.Second) // both reports want to be said again
	st.full = false
	st.turn()
	st.expect("report", "report")
	st.after(5 * time.Second)
	st.said, st.full = nil, true
	st.after(time.Second)
	st.full = false
	st.after(2500 * time.Millisecond).expect("heartbeat")
}

func TestLeavingWithoutAConnectionEndsWhenTheTimeIsOver(t *testing.T) {
	st := member(t, 1)
	st.over(st.job("1"))
	st.Broken("test")
	st.Stop()
	st.after(9 * time.Second)
	st.check("done", st.Done, false)
	st.after(2 * time.Second)
	st.check("error", st.Err, ErrUnfinished)
	st = member(t, 1)
	st.Stop()
	st.check("due", st.Due(), st.Now)
}

// FuzzHear has a session hear anything, in each of its states.
func FuzzHear(f *testing.F) {
	f.Add(encode(message{"type": "job", "token": []byte("9"), "parameters": message{"a": []any{1, nil}}}))
	f.Add(encode(message{"type": "registered", "lease_ms": 1 << 40, "heartbeat_ms": -1, "lost": 5}))
	f.Add(encode(message{"type": "ack", "token": "1", "verdict": []byte("stale")}))
	f.Add([]byte(strings.Repeat("\x91", 1<<16)))
	f.Add([]byte("\x81\xa4type\xdf\xff\xff\xff\xff"))
	f.Add([]byte("\xdd\xff\xff\xff\xff"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, frame []byte) {
		st := newStage(t, 2)
		for _, step := range []func(){func() {}, st.Tick, st.Connected, st.letIn, func() { st.job("1") }, st.Stop} {
			step()
			for end := 0; end <= len(frame) && len(frame) < 100; end++ {
				st.Hear(frame[:end])
			}
			st.Hear(frame)
			st.turn()
			if st.running > 2 || st.open < 0 || st.orphans < 0 || len(st.leases) > 100 {
				t.Fatal("it cannot count")
			}
			for lease := st.Next(); lease != nil; lease = st.Next() {
				lease.Stop = func(error) {}
			}
		}
	})
}
