// Greet is a whole worker: it greets, after a while if it is told to.
package main

import (
	"context"
	"log"
	"time"

	"capstan"
)

func greet(ctx context.Context, job *capstan.Job) (any, error) {
	var in struct {
		Name    string  `json:"name"`
		Seconds float64 `json:"seconds"`
	}
	if err := job.Parameters(&in); err != nil {
		return nil, err
	}
	job.Log("stdout", "greeting "+in.Name+"\n")
	select {
	case <-time.After(time.Duration(in.Seconds * float64(time.Second))):
		return map[string]string{"greeting": "Hello, " + in.Name + "!"}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func main() {
	worker := capstan.NewWorker(capstan.Options{Concurrency: 8})
	worker.Action("greet", greet)
	if err := worker.RunUntilSignal(context.Background()); err != nil {
		log.Fatal(err)
	}
}
