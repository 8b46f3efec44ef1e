package capstan

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"capstan/internal/session"
)

// A Func does the jobs of an action.  What it returns is the job's output: anything
// that encoding/json would take, or a []byte.  Fields of structs go by their json names;
// times must be given as texts.
//
// An error fails the job; see [Error], [Fatal] and the section "Errors" above.  ctx is
// done at the job's deadline, when the job is cancelled and when its lease is lost;
// return ctx.Err() then.  [context.Cause] tells which.  A job that was cancelled counts as
// that, unless the action returns an output.
type Func func(ctx context.Context, job *Job) (output any, err error)

// A Job is one call of an action.
type Job struct {
	ID         string // job_…, the same for every attempt: good as an idempotency key
	Run        string // run_…
	Step       string // its key
	Automation string
	Action     string
	Queue      string
	Attempt    int // from 1

	lease        *session.Lease
	worker       *Worker
	retryAfterMs atomic.Int64 // 0: as the step says
}

const retryAfterMax = 24 * time.Hour

// RetryAfter says that, if this attempt fails, another one should wait at least so long,
// a day at most.  The engine waits as long, up to the longest delay of the step's retries.
func (j *Job) RetryAfter(wait time.Duration) {
	j.retryAfterMs.Store(max(min(wait, retryAfterMax), 0).Milliseconds())
}

// Parameters decodes the job's parameters as [encoding/json.Unmarshal] would: into a
// pointer to a struct, by its json names, to a map or to anything else.  What is absent
// stays as it is.
func (j *Job) Parameters(into any) error {
	if len(j.lease.Job.Parameters) == 0 {
		return nil
	}
	if err := session.Unpack(j.lease.Job.Parameters, into); err != nil {
		return &Error{"InvalidInput", "the parameters: " + err.Error()}
	}
	return nil
}

// Log appends to the run's log, any number of lines.  The stream is "stdout", "stderr"
// or a name of yours.  What comes faster than it can be sent is dropped, and so is what
// comes when the action has returned.
func (j *Job) Log(stream, text string) {
	stream = session.Cut(stream, session.NameMax)
	text = strings.ToValidUTF8(text, "\uFFFD")
	for len(text) > 0 {
		chunk := session.Cut(text, session.ChunkMax)
		text = text[len(chunk):]
		j.worker.log(j.lease, stream, chunk)
	}
}

// An Error fails a job with a type of its own.
type Error struct {
	Type    string // a word for programs, such as CardDeclined
	Message string // for people
}

func (e *Error) Error() string     { return e.Message }
func (e *Error) ErrorType() string { return e.Type }

type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// Fatal says that another attempt would fail, too: there is none, however many the step
// allows.  Fatal(nil) is nil.
func Fatal(err error) error {
	if err == nil {
		return nil
	}
	return fatal{err}
}

// do calls the action and makes a report of what it did.
func (w *Worker) do(ctx context.Context, action Func, job *Job) (report session.Report) {
	defer func() {
		if reason := recover(); reason != nil {
			w.options.Logger.Error("panic", "job", job.ID, "action", job.Action,
				"reason", reason, "stack", string(debug.Stack()))
			report = failed(ctx, &Error{"Panic", fmt.Sprint(reason)})
		}
	}()
	output, err := action(ctx, job)
	if err != nil || (output == nil && cancelled(ctx)) {
		report := failed(ctx, err)
		if report.Outcome == "failed" {
			report.RetryAfterMs = job.retryAfterMs.Load()
		}
		return report
	}
	return completed(output, job.lease.OutputMax)
}

func cancelled(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), ErrCancelled)
}

// failed is the report of an action without an output: after a cancel that is no failure.
func failed(ctx context.Context, err error) session.Report {
	if cancelled(ctx) {
		return session.Report{Outcome: "cancelled"}
	}
	report := session.Failed(errorType(err), err.Error())
	if errors.As(err, new(fatal)) {
		report.Outcome = "fatal"
	}
	return report
}

func completed(output any, max int) session.Report {
	packed, err := session.Pack(output, max)
	switch {
	case errors.Is(err, session.ErrTooLarge):
		return session.Failed("OutputTooLarge", fmt.Sprintf("the engine takes %d bytes", max))
	case err != nil:
		return session.Failed("InvalidOutput", err.Error())
	}
	return session.Report{Outcome: "completed", Output: packed}
}

// errorType is what an error says itself, or the name of its type: the first one on the
// way down that other packages may see.
func errorType(err error) string {
	var named interface{ ErrorType() string }
	if errors.As(err, &named) && named.ErrorType() != "" {
		return named.ErrorType()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "Timeout"
	}
	for ; err != nil; err = errors.Unwrap(err) {
		kind := reflect.TypeOf(err)
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if letter, _ := utf8.DecodeRuneInString(kind.Name()); unicode.IsUpper(letter) {
			return kind.Name()
		}
	}
	return "Error"
}
