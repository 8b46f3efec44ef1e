// Package capstan does the work of a Capstan engine.
//
//	worker := capstan.NewWorker(capstan.Options{Concurrency: 8})
//	worker.Action("greet", func(ctx context.Context, job *capstan.Job) (any, error) {
//		var in struct {
//			Name string `json:"name"`
//		}
//		if err := job.Parameters(&in); err != nil {
//			return nil, err
//		}
//		return "Hello, " + in.Name + "!", nil
//	})
//	err := worker.RunUntilSignal(context.Background())
//
// The protocol underneath is docs/protocols/worker.md.
//
// # What you may rely on
//
//   - Actions run in goroutines of their own, as many at once as Concurrency says.  One
//     more does nothing but talk to the engine, so that an action may compute or block
//     for hours without losing its job.
//   - An outcome is kept and said again until the engine has it on disk.
//   - A job may come twice: when this process was cut off for longer than the engine's
//     lease, the job goes to another worker.  Then the action's context is cancelled
//     here, and whatever it returns is dropped.
//   - When the connection breaks it is made again, after 0.1 s first and 5 s at most.
//   - Memory is bounded: of jobs by Concurrency, of logs by 1 MiB, of events by number.
//
// # Errors
//
// An action's error fails its job: the engine tries again as the step says.  The type
// of the error is that of its method ErrorType() string, if there is one on the way
// down ([Error] has it), "Timeout" of a context's deadline, else the name of the first
// exported type, such as PathError, else "Error".  [Fatal] is for errors that would come
// again.  A panic fails the job with "Panic", an output that is no msgpack with
// "InvalidOutput", one above the engine's payload_max with "OutputTooLarge".
package capstan

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/signal"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"capstan/internal/session"
)

const (
	batchMax  = 512     // frames of one turn
	eventsMax = 256     // that wait for an answer; more wait in Publish
	logsMax   = 1 << 20 // bytes that wait to be sent
)

// What Run returns, and what [context.Cause] tells of an action's context.
var (
	// ErrRefused says that the engine does not let this worker in: see its key.
	ErrRefused = session.ErrRefused
	// ErrUnfinished says that jobs were under way; they go to other workers.
	ErrUnfinished = session.ErrUnfinished
	// ErrCancelled says that somebody cancelled the run, or its time is over.
	ErrCancelled = session.ErrCancelled
	// ErrLost says that the job has gone to another worker, or that this one ends.
	ErrLost = session.ErrLost
	// ErrStopped says that the worker has ended, so that nothing can be published.
	ErrStopped = errors.New("capstan: the worker has ended")
)

// An EngineError is the engine's answer to what it does not take.  Its Code is a name from
// docs/errors.md, its Message is for people.
type EngineError = session.EngineError

// A Worker does the jobs of an engine.  Stop and Publish may be called from any goroutine.
type Worker struct {
	options Options
	actions map[string]Func
	other   Func
	fault   error

	slots  chan struct{} // one for each event that waits
	runs   chan struct{} // closed when Run begins,
	ended  chan struct{} // and when it has ended
	logged atomic.Int64  // bytes

	mu     sync.Mutex
	line   *line // nil: not running
	begun  bool
	posted []func(*session.Session) // for the goroutine in Run
}

// NewWorker returns a worker; what is wrong with the options is said by Run.
func NewWorker(options Options) *Worker {
	return &Worker{options: options, actions: map[string]Func{},
		slots: make(chan struct{}, eventsMax), runs: make(chan struct{}),
		ended: make(chan struct{})}
}

// Action does jobs of that name so.  Before Run only, and once for each name; at most
// 256.  A worker without any takes no jobs, and can publish.  What is wrong is said by Run.
func (w *Worker) Action(name string, action Func) {
	if err := checkName("Action", name); err != nil {
		w.fault = err
	}
	if _, known := w.actions[name]; known {
		w.fault = fmt.Errorf("capstan: action %s: it is there already", name)
	} else if len(w.actions) == namesMax {
		w.fault = fmt.Errorf("capstan: action %s: at most %d", name, namesMax)
	}
	w.actions[name] = action
}

// Other does jobs of every other name so.  Before Run only.
func (w *Worker) Other(action Func) {
	if w.other != nil {
		w.fault = errors.New("capstan: action *: it is there already")
	}
	w.other = action
}

// Run works until ctx is done or Stop is called: then it takes no more jobs, finishes
// those at hand, for as long as Drain says, and says goodbye.  Once per worker.
//
// It returns nil when everything is finished, an error that is [ErrRefused] when the
// engine does not let the worker in, and one that is [ErrUnfinished] when the time was
// over and jobs were not.
func (w *Worker) Run(ctx context.Context) error {
	line, err := w.begin()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, w.Stop)()
	s := session.New(w.config(line), time.Now())
	// Jobs may finish when ctx is done, but none outlives Run unaware.
	jobs, lose := context.WithCancelCause(context.WithoutCancel(ctx))
	defer lose(ErrLost)
	for !s.Done && err == nil {
		err = w.turn(jobs, s, line)
	}
	w.end()
	return errors.Join(err, s.Err, line.close())
}

// RunUntilSignal is Run, and the first SIGINT or SIGTERM calls Stop, and so does the
// second.
func (w *Worker) RunUntilSignal(ctx context.Context) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		for {
			select {
			case <-signals:
				w.Stop()
			case <-w.ended:
				return
			}
		}
	}()
	return w.Run(ctx)
}

// Stop ends Run as the end of its context does.  The second time, that included, jobs
// are not waited for.
func (w *Worker) Stop() {
	w.post((*session.Session).Stop)
}

func (w *Worker) begin() (*line, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun {
		return nil, errors.New("capstan: Run was called before")
	}
	w.begun = true
	err := w.fault
	if err == nil {
		err = w.options.complete()
	}
	if err == nil {
		w.line, err = newLine()
	}
	if err != nil {
		close(w.ended)
	} else {
		close(w.runs)
	}
	return w.line, err
}

func (w *Worker) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line, w.posted = nil, nil
	close(w.ended)
}

func (w *Worker) config(line *line) session.Config {
	o := &w.options
	config := session.Config{Instance: o.Instance, Name: o.Name, Version: o.Version,
		Environment: o.Environment, Queues: o.Queues, Labels: o.Labels,
		Concurrency: o.Concurrency, Heartbeat: o.Heartbeat, Drain: o.Drain, Log: o.Logger,
		Random: rand.Float64, Send: line.send,
		Logged: func(size int) { w.logged.Add(int64(-size)) }}
	if len(w.actions) == 0 && w.other == nil {
		config.Concurrency = 0
	}
	if w.other == nil {
		for name := range w.actions {
			config.Actions = append(config.Actions, name)
		}
		sort.Strings(config.Actions)
	}
	return config
}

// post has the goroutine in Run do something, soon.
func (w *Worker) post(do func(*session.Session)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.ended:
		return
	default:
	}
	w.posted = append(w.posted, do)
	if w.line != nil && len(w.posted) == 1 { // else it is awake already
		w.line.wake()
	}
}

func (w *Worker) take() []func(*session.Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	posted := w.posted
	w.posted = nil
	return posted
}

// turn waits, hears what has come, lets actions begin, and says what there is to say.
func (w *Worker) turn(ctx context.Context, s *session.Session, line *line) error {
	calling := s.State() == session.Calling
	come, err := line.wait(calling || s.Blocked(), s.Due())
	if err != nil {
		return err
	}
	s.Now = time.Now()
	for _, do := range w.take() {
		do(s)
	}
	broken, denied := false, false
	if come.news {
		broken, denied = line.news()
	}
	switch {
	case denied:
		s.Refused("unauthorized", "the gateway did not let us connect")
	case broken:
		s.Broken("the connection is closed")
	case calling && come.write:
		s.Key = w.options.key()
		s.Connected()
	}
	for i := 0; come.read && i < batchMax; i++ {
		frame, there := line.receive()
		if !there {
			break
		}
		s.Hear(frame)
	}
	for lease := s.Next(); lease != nil; lease = s.Next() {
		w.start(ctx, s, lease)
	}
	s.Tick()
	if !s.Done {
		s.Say()
		w.connect(s, line)
	}
	return nil
}

// connect has a connection where the session wants one, and none elsewhere.
func (w *Worker) connect(s *session.Session, line *line) {
	switch {
	case s.State() == session.Away:
		line.shut(0)
	case s.State() == session.Calling && line.socket == nil:
		if err := line.open(&w.options); isWrong(err) {
			s.Refused("invalid", "the URL is not tcp://HOST:PORT or ipc://PATH, or the "+
				"ServerKey not 40 characters of Z85")
		} else if err != nil {
			s.Broken(err.Error())
		}
	}
}

// start does a job in a goroutine of its own.
func (w *Worker) start(ctx context.Context, s *session.Session, lease *session.Lease) {
	action, known := w.actions[lease.Job.Action]
	if !known {
		action = w.other
	}
	if action == nil {
		s.Over(lease, session.Failed("UnknownAction", "this worker does not have that action"))
		return
	}
	ctx, stop := context.WithCancelCause(ctx)
	lease.Stop = stop
	job := &Job{ID: lease.Job.ID, Run: lease.Job.Run, Step: lease.Job.Step,
		Automation: lease.Job.Automation, Action: lease.Job.Action, Queue: lease.Job.Queue,
		Attempt: int(lease.Job.Attempt), lease: lease, worker: w}
	go func() {
		report := session.Failed("Panic", "the action ended its goroutine")
		defer func() {
			stop(nil)
			w.post(func(s *session.Session) { s.Over(lease, report) })
		}()
		if ms := lease.Job.DeadlineMS; ms > 0 && ms < 1<<53 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, time.UnixMilli(int64(ms)))
			defer cancel()
		}
		report = w.do(ctx, action, job)
	}()
}

func (w *Worker) log(lease *session.Lease, stream, chunk string) {
	size := int64(session.LogSize(chunk))
	if w.logged.Add(size) > logsMax {
		w.logged.Add(-size)
		return
	}
	w.post(func(s *session.Session) { s.Log(lease, stream, chunk) })
}

// An Event is something that happened, for what waits for it or is started by it.
type Event struct {
	ID     string // the same ID is the same event; 1 to 200 bytes
	Type   string // such as order.paid
	Source string // where it comes from; may be empty
	Data   any    // what it says: a map or a struct, or nil
	Meta   any    // a map or a struct, or nil
}

// Publish returns the event's number in the project's stream when the engine has it on
// disk.  Until then it is said again, also on another connection; if ctx is done before,
// it may have been published or not, and saying it again with the same ID is right.  An
// event that the engine does not take is an [*EngineError].
//
// It waits for Run to be called, and needs it: an action can publish, and so can a program
// that has Run in another goroutine.
func (w *Worker) Publish(ctx context.Context, event Event) (uint64, error) {
	said, err := event.pack()
	if err != nil {
		return 0, err
	}
	// Nothing is kept for a Run that may never begin.
	select {
	case <-w.runs:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-w.ended:
		return 0, ErrStopped
	}
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-w.ended:
		return 0, ErrStopped
	}
	type answer struct {
		number uint64
		err    error
	}
	answers := make(chan answer, 1)
	said.Answer = func(number uint64, err error) { answers <- answer{number, err} }
	w.post(func(s *session.Session) { s.Publish(said) })
	select {
	case a := <-answers:
		return a.number, a.err
	case <-ctx.Done():
		w.post(func(s *session.Session) { s.Withdraw(said) })
		return 0, ctx.Err()
	case <-w.ended:
	}
	select {
	case a := <-answers: // in the last moment
		return a.number, a.err
	default:
		return 0, ErrStopped
	}
}

func (e *Event) pack() (said *session.Event, err error) {
	said = &session.Event{ID: e.ID, Type: e.Type, Source: e.Source}
	err = errors.Join(checkName("ID", e.ID), checkName("Type", e.Type))
	if e.Source != "" {
		err = errors.Join(err, checkName("Source", e.Source))
	}
	if err == nil && e.Data != nil {
		said.Data, err = session.Pack(e.Data, session.PayloadMax)
	}
	if err == nil && e.Meta != nil {
		said.Meta, err = session.Pack(e.Meta, session.PayloadMax)
	}
	if err == nil {
		err = said.Encode()
	}
	return said, err
}
