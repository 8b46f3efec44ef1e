package capstan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"capstan/internal/session"
)

func setenv(t *testing.T, pairs ...string) {
	for _, name := range []string{"CAPSTAN_DRAIN_MS", "CAPSTAN_URL", "CAPSTAN_WORKER_URL", "CAPSTAN_API_KEY",
		"CAPSTAN_SERVER_KEY", "CAPSTAN_DATA", "XDG_DATA_HOME", "III_WORKER_NAME", "K_REVISION",
		"KUBERNETES_SERVICE_HOST", "FLY_MACHINE_ID", "RAILWAY_REPLICA_ID", "RENDER_INSTANCE_ID"} {
		t.Setenv(name, "")
	}
	for i := 0; i < len(pairs); i += 2 {
		t.Setenv(pairs[i], pairs[i+1])
	}
}

func TestDefaultsComeFromTheEnvironment(t *testing.T) {
	for _, row := range []struct{ name, value, url string }{
		{"CAPSTAN_DATA", "", "tcp://127.0.0.1:5170"},
		{"CAPSTAN_WORKER_URL", "tcp://h:1", "tcp://h:1"},
		{"CAPSTAN_URL", "http://engine:3000", "tcp://engine:5170"},
		{"CAPSTAN_URL", "https://engine/path", "tcp://engine:5170"},
		{"CAPSTAN_URL", "engine:3000", "tcp://engine:5170"},
		{"CAPSTAN_URL", "http://[::1]:3000", "tcp://[::1]:5170"},
	} {
		setenv(t, row.name, row.value)
		var o Options
		if err := o.complete(); err != nil || o.URL != row.url {
			t.Errorf("%s=%s: %s, not %s (%v)", row.name, row.value, o.URL, row.url, err)
		}
	}
	setenv(t, "CAPSTAN_API_KEY", "cap_1", "III_WORKER_NAME", "n", "CAPSTAN_SERVER_KEY",
		strings.Repeat("k", 40))
	var o Options
	err := o.complete()
	if err != nil || o.key() != "cap_1" || o.Name != "n" || len(o.ServerKey) != 40 ||
		o.Concurrency != 1 || o.Drain != 10*time.Second {
		t.Errorf("%+v %v", o, err)
	}
	o = Options{URL: "tcp://u:1", Key: "cap_2", Name: "m", Instance: "i", Concurrency: 5}
	if err := o.complete(); err != nil || o.URL != "tcp://u:1" || o.key() != "cap_2" ||
		o.Name != "m" || o.Instance != "i" || o.Concurrency != 5 {
		t.Errorf("%+v %v", o, err)
	}
}

func TestWhoStartedTheWorkerSaysHowLongItMayDrain(t *testing.T) {
	for _, row := range []struct {
		given time.Duration
		said  string
		want  time.Duration
	}{{0, "4000", 4 * time.Second}, {0, "0", 0}, {7, "4000", 7}, {-1, "4000", -1}} {
		setenv(t, "CAPSTAN_DRAIN_MS", row.said)
		o := Options{Drain: row.given}
		if err := o.complete(); err != nil || o.Drain != row.want {
			t.Errorf("%v: %v %v", row, o.Drain, err)
		}
	}
	for _, said := range []string{"4s", "86400001", "99999999999999999999"} {
		setenv(t, "CAPSTAN_DRAIN_MS", said)
		err := new(Options).complete()
		if err == nil || !strings.Contains(err.Error(), "CAPSTAN_DRAIN_MS: '"+said+"'") {
			t.Error(err)
		}
	}
}

func TestTheDevelopmentKeyIsForEnginesOfThisMachine(t *testing.T) {
	home := t.TempDir()
	share := filepath.Join(home, ".local/share/capstan")
	for _, folder := range []string{home, filepath.Join(home, "capstan"), share} {
		if err := errors.Join(os.MkdirAll(folder, 0o700),
			os.WriteFile(filepath.Join(folder, "dev.key"), []byte("cap_"+folder+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ name, value, url, key string }{
		{"CAPSTAN_DATA", home, "tcp://127.0.0.1:1", "cap_" + home},
		{"CAPSTAN_DATA", home, "tcp://localhost:1", "cap_" + home},
		{"CAPSTAN_DATA", home, "tcp://[::1]:1", "cap_" + home},
		{"CAPSTAN_DATA", home, "ipc:///tmp/x", "cap_" + home},
		{"CAPSTAN_DATA", home, "tcp://engine:1", ""},
		{"CAPSTAN_DATA", filepath.Join(home, "none"), "tcp://127.0.0.1:1", ""},
		{"XDG_DATA_HOME", home, "tcp://127.0.0.1:1", "cap_" + filepath.Join(home, "capstan")},
		{"HOME", home, "tcp://127.0.0.1:1", "cap_" + share},
	} {
		setenv(t, row.name, row.value)
		o := Options{URL: row.url}
		if err := o.complete(); err != nil || o.key() != row.key {
			t.Errorf("%v: %q %v", row, o.key(), err)
		}
	}
}

func TestThePlatformSaysWhoItIs(t *testing.T) {
	for _, row := range []struct {
		pairs []string
		want  string
	}{
		{[]string{"FLY_MACHINE_ID", "fly"}, "fly"},
		{[]string{"RAILWAY_REPLICA_ID", "rail"}, "rail"},
		{[]string{"RENDER_INSTANCE_ID", "render"}, "render"},
		{[]string{"KUBERNETES_SERVICE_HOST", "10.0.0.1", "HOSTNAME", "pod-1"}, "pod-1"},
		{[]string{"K_REVISION", "rev", "FLY_MACHINE_ID", "fly"}, "rev-????????"},
		{nil, "*-????????"},
	} {
		setenv(t, row.pairs...)
		if fits, err := filepath.Match(row.want, instance()); !fits || err != nil {
			t.Errorf("%s, not %s", instance(), row.want)
		}
	}
	if instance() == instance() {
		t.Error("two processes of a host have one name")
	}
}

func TestOptionsThatMakeNoSenseAreNamed(t *testing.T) {
	setenv(t)
	over, end := context.WithCancel(context.Background())
	end() // what runs all the same ends at once
	for want, o := range map[string]Options{
		"Concurrency":     {Concurrency: 4097},
		"Concurrency: -1": {Concurrency: -1},
		"ServerKey":       {ServerKey: "short"},
		"Key":             {Key: strings.Repeat("k", 256)},
		"Instance":        {Instance: strings.Repeat("i", 201)},
		"Name":            {Name: "a\nb"},
		"Version":         {Version: "\xff"},
		"Environment":     {Environment: "a\x7fb"},
		"Queues":          {Queues: []string{"a", ""}},
		"Labels":          {Labels: make([]string, 257)},
	} {
		err := NewWorker(o).Run(over)
		if err == nil || !strings.HasPrefix(err.Error(), "capstan: "+want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for want, names := range map[string][]string{"Action: a name": {""},
		"capstan: action a: it is there already": {"a", "b", "a"}} {
		w := NewWorker(Options{})
		for _, name := range names {
			w.Action(name, nil)
		}
		if err := w.Run(over); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	w := NewWorker(Options{})
	w.Other(func(context.Context, *Job) (any, error) { return nil, nil })
	w.Other(nil)
	if err := w.Run(over); err == nil || err.Error() != "capstan: action *: it is there already" {
		t.Error(err)
	}
	w = NewWorker(Options{URL: "http://127.0.0.1:1", Logger: quiet()})
	if err := w.Run(over); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "URL") {
		t.Error(err)
	}
	if err := w.Run(over); err == nil || errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	if _, err := w.Publish(context.Background(), Event{ID: "e", Type: "t"}); err != ErrStopped {
		t.Error(err)
	}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

type declined struct{ kind string }

func (d declined) Error() string     { return "declined" }
func (d declined) ErrorType() string { return d.kind }

type Broke struct{ error }

func TestAnErrorSaysOfWhatTypeItIs(t *testing.T) {
	plain := errors.New("plain")
	for _, row := range []struct {
		err           error
		kind, outcome string
	}{
		{plain, "Error", "failed"},
		{&fs.PathError{Err: plain}, "PathError", "failed"},
		{fmt.Errorf("x: %w", &fs.PathError{Err: plain}), "PathError", "failed"},
		{Broke{plain}, "Broke", "failed"},
		{declined{"Declined"}, "Declined", "failed"},
		{fmt.Errorf("x: %w", declined{"Declined"}), "Declined", "failed"},
		{declined{""}, "Error", "failed"},
		{declined{strings.Repeat("é", 300)}, strings.Repeat("é", 100), "failed"},
		{&Error{"Own", "m"}, "Own", "failed"},
		{context.DeadlineExceeded, "Timeout", "failed"},
		{context.Canceled, "Error", "failed"},
		{Fatal(declined{"Declined"}), "Declined", "fatal"},
		{fmt.Errorf("x: %w", Fatal(plain)), "Error", "fatal"},
	} {
		report := failed(context.Background(), row.err)
		if report.ErrorType != row.kind || report.Outcome != row.outcome ||
			report.ErrorMessage != row.err.Error() {
			t.Errorf("%#v: %+v", row.err, report)
		}
	}
	if Fatal(nil) != nil {
		t.Error("nothing is fatal")
	}
	ctx, stop := context.WithCancelCause(context.Background())
	stop(fmt.Errorf("%w: enough", ErrCancelled))
	if report := failed(ctx, plain); report.Outcome != "cancelled" {
		t.Errorf("%+v", report)
	}
}

func TestWhatAnActionReturnsOrPanicsWithIsReported(t *testing.T) {
	w := NewWorker(Options{Logger: quiet()})
	for _, row := range []struct {
		action Func
		want   session.Report
	}{
		{func(context.Context, *Job) (any, error) { return nil, nil },
			session.Report{Outcome: "completed", Output: []byte{0xc0}}},
		{func(context.Context, *Job) (any, error) { return true, nil },
			session.Report{Outcome: "completed", Output: []byte{0xc3}}},
		{func(context.Context, *Job) (any, error) { panic("why") }, session.Failed("Panic", "why")},
		{func(context.Context, *Job) (any, error) { return make([]byte, 1000), nil },
			session.Failed("OutputTooLarge", "the engine takes 100 bytes")},
		{func(context.Context, *Job) (any, error) { return "\xff", nil },
			session.Failed("InvalidOutput", "a text is not UTF-8")},
	} {
		job := &Job{lease: &session.Lease{OutputMax: 100}}
		if got := w.do(context.Background(), row.action, job); fmt.Sprint(got) != fmt.Sprint(row.want) {
			t.Errorf("%+v, not %+v", got, row.want)
		}
	}
}

func TestEventsThatMakeNoSenseAreNotPublished(t *testing.T) {
	w := NewWorker(Options{})
	for _, event := range []Event{{Type: "t"}, {ID: "e"}, {ID: strings.Repeat("e", 201), Type: "t"},
		{ID: "e", Type: "t", Source: "\n"}, {ID: "e", Type: "t", Data: time.Now()},
		{ID: "e", Type: "t", Meta: make(chan int)}} {
		if _, err := w.Publish(context.Background(), event); err == nil {
			t.Errorf("%v", event)
		}
	}
}

func TestPublishersWaitNoLongerThanTheirContext(t *testing.T) {
	w := NewWorker(Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.Publish(ctx, Event{ID: "e", Type: "t"}); err != context.Canceled || len(w.posted) > 0 {
		t.Error(err, "without a Run")
	}
	close(w.runs)
	ctx, cancel = context.WithCancel(context.Background())
	over := make(chan error)
	for i := 0; i <= eventsMax; i++ { // the last one waits for a slot
		go func(i int) {
			_, err := w.Publish(ctx, Event{ID: fmt.Sprint(i), Type: "t"})
			over <- err
		}(i)
	}
	cancel()
	for i := 0; i <= eventsMax; i++ {
		if err := <-over; err != context.Canceled {
			t.Error(err)
		}
	}
}

func TestLogsTakeBoundedMemory(t *testing.T) {
	w := NewWorker(Options{}) // nobody takes what it logs
	job := &Job{worker: w, lease: &session.Lease{}}
	job.Log("stdout", strings.Repeat("é\xff", 1<<20))
	for i := 0; i < 10000; i++ {
		job.Log("stdout", "x")
	}
	if w.logged.Load() > logsMax || len(w.posted) > logsMax/session.LogSize("") {
		t.Errorf("%d bytes, %d pieces", w.logged.Load(), len(w.posted))
	}
}
