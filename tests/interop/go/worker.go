// Trial is a worker whose actions do what its tests ask for.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"capstan"
)

type asked struct {
	Text  string         `json:"text"`
	Type  string         `json:"type"`
	How   string         `json:"how"`
	Path  string         `json:"path"`
	Count int            `json:"count"`
	Data  map[string]any `json:"data"`
}

type action func(ctx context.Context, job *capstan.Job, in asked) (any, error)

var actions = map[string]action{
	"say": func(_ context.Context, job *capstan.Job, in asked) (any, error) {
		return map[string]any{"id": job.ID, "run": job.Run, "step": job.Step,
			"automation": job.Automation, "action": job.Action, "queue": job.Queue,
			"attempt": job.Attempt, "data": in.Data}, nil
	},
	"fail":  func(_ context.Context, _ *capstan.Job, in asked) (any, error) { return nil, failure(in) },
	"fatal": func(_ context.Context, _ *capstan.Job, in asked) (any, error) { return nil, capstan.Fatal(failure(in)) },
	"later": func(_ context.Context, job *capstan.Job, in asked) (any, error) {
		job.RetryAfter(time.Duration(in.Count) * time.Second)
		return nil, failure(in)
	},
	"panic":  func(_ context.Context, _ *capstan.Job, in asked) (any, error) { panic(in.Text) },
	"vanish": func(context.Context, *capstan.Job, asked) (any, error) { runtime.Goexit(); return nil, nil },
	"time":   func(context.Context, *capstan.Job, asked) (any, error) { return time.Now(), nil },
	"large": func(_ context.Context, _ *capstan.Job, in asked) (any, error) {
		return strings.Repeat("x", in.Count), nil
	},
	// Prints why its context was done.
	"wait": func(ctx context.Context, _ *capstan.Job, _ asked) (any, error) {
		fmt.Println("waits")
		<-ctx.Done()
		fmt.Println(context.Cause(ctx))
		return nil, ctx.Err()
	},
	// Ends as it was told to, but not before it is cancelled.
	"after-cancel": func(ctx context.Context, job *capstan.Job, in asked) (any, error) {
		job.Log("stdout", "waits\n")
		<-ctx.Done()
		switch in.How {
		case "output":
			return "done", nil
		case "nothing":
			return nil, nil
		case "fatal":
			return nil, capstan.Fatal(errors.New("no"))
		case "panic":
			panic("no")
		}
		return nil, errors.New("no")
	},
	// Does not look at its context, but for the file.
	"stubborn": func(_ context.Context, _ *capstan.Job, in asked) (any, error) {
		for {
			if _, err := os.Stat(in.Path); err == nil {
				return "at last", nil
			}
			time.Sleep(10 * time.Millisecond)
		}
	},
	"log": func(_ context.Context, job *capstan.Job, in asked) (any, error) {
		job.Log(in.Type, strings.Repeat(in.Text, in.Count))
		return nil, nil
	},
	// Appends a line in one write, so that it can be counted how often it was done; while
	// there is the file PATH.gate it waits.
	"append": func(_ context.Context, job *capstan.Job, in asked) (any, error) {
		for gate := error(nil); gate == nil; _, gate = os.Stat(in.Path + ".gate") {
			time.Sleep(20 * time.Millisecond)
		}
		file, err := os.OpenFile(in.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		_, err = fmt.Fprintln(file, job.ID)
		return nil, errors.Join(err, file.Close())
	},
}

func failure(in asked) error {
	if in.Type == "" {
		return errors.New(in.Text)
	}
	return &capstan.Error{Type: in.Type, Message: in.Text}
}

// tell publishes an event from a program that does no jobs.
func tell(id string) {
	worker := capstan.NewWorker(capstan.Options{})
	over := make(chan error)
	go func() { over <- worker.Run(context.Background()) }()
	number, err := worker.Publish(context.Background(), capstan.Event{ID: id, Type: "trial.done"})
	fmt.Println(number, err)
	worker.Stop()
	if err := errors.Join(err, <-over); err != nil {
		log.Fatal(err)
	}
}

func main() {
	if id := os.Getenv("TRIAL_TELL"); id != "" {
		tell(id)
		return
	}
	number := func(name string) int {
		value, _ := strconv.Atoi(os.Getenv(name))
		return value
	}
	worker := capstan.NewWorker(capstan.Options{
		Concurrency: number("TRIAL_CONCURRENCY"), Name: "trial", Version: "1", Queues: []string{"default", "q"},
		Labels: []string{"go"}, Environment: os.Getenv("TRIAL_ENVIRONMENT"),
		Drain: time.Duration(number("TRIAL_DRAIN_MS")) * time.Millisecond})
	for name, do := range actions {
		do := do
		worker.Action(name, func(ctx context.Context, job *capstan.Job) (any, error) {
			var in asked
			if err := job.Parameters(&in); err != nil {
				return nil, err
			}
			return do(ctx, job, in)
		})
	}
	worker.Action("publish", func(ctx context.Context, job *capstan.Job) (any, error) {
		var event struct {
			ID   string         `json:"id"`
			Data map[string]any `json:"data"`
		}
		if err := job.Parameters(&event); err != nil {
			return nil, err
		}
		return worker.Publish(ctx, capstan.Event{ID: event.ID, Type: "trial.done", Source: "trial",
			Data: event.Data, Meta: map[string]int{"attempt": job.Attempt}})
	})
	run := worker.RunUntilSignal
	ctx := context.Background()
	if os.Getenv("TRIAL_CONTEXT") != "" { // a program with signals of its own
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGTERM)
		defer stop()
		run = worker.Run
	}
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}
