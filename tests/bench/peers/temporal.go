// Temporal doing what the bench automations do.  `side worker` has a workflow of so many
// activities, one after the other; `side client` answers each line of standard input,
// "STEPS CLIENTS SECONDS", by a line of what clients in a closed loop saw, each of which
// starts a workflow and waits until it is finished.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"
)

const queue = "bench"

type order struct {
	Order  string `json:"order"`
	Amount int    `json:"amount"`
}

type item struct {
	Order int `json:"order"`
	N     int `json:"n"`
}

func step(_ context.Context, given item) (item, error) {
	return given, nil
}

func run(ctx workflow.Context, steps int, _ order) (item, error) {
	var result item
	ctx = workflow.WithActivityOptions(ctx,
		workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for n := range steps {
		err := workflow.ExecuteActivity(ctx, step, item{17, n}).Get(ctx, &result)
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

// work polls as the server asks it to, with room for as many as clients can have open.
func work(connection client.Client) {
	w := worker.New(connection, queue, worker.Options{
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(
			worker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(
			worker.PollerBehaviorAutoscalingOptions{}),
	})
	w.RegisterWorkflow(run)
	w.RegisterActivity(step)
	if err := w.Start(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	<-worker.InterruptCh()
	w.Stop()
}

func once(connection client.Client, steps int) {
	ctx := context.Background()
	began, err := connection.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: queue},
		run, steps, order{"01HZX3M9Q8V7T6K5J4H3G2F1E0", 1234})
	if err == nil {
		err = began.Get(ctx, nil)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// load tells how long each took of all that clients did, and how long it took in all.
func load(connection client.Client, steps, clients, seconds int) ([]time.Duration, time.Duration) {
	var (
		group sync.WaitGroup
		lock  sync.Mutex
		times []time.Duration
	)
	begin := time.Now()
	end := begin.Add(time.Duration(seconds) * time.Second)
	for range clients {
		group.Add(1)
		go func() {
			defer group.Done()
			for since := time.Now(); since.Before(end); since = time.Now() {
				once(connection, steps)
				lock.Lock()
				times = append(times, time.Since(since))
				lock.Unlock()
			}
		}()
	}
	group.Wait()
	return times, time.Since(begin)
}

func answer(connection client.Client) {
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var steps, clients, seconds int
		if _, err := fmt.Sscan(lines.Text(), &steps, &clients, &seconds); err != nil {
			log.Fatal(err)
		}
		times, took := load(connection, steps, clients, seconds)
		slices.Sort(times)
		at := func(percent int) float64 {
			return times[len(times)*percent/100].Seconds() * 1000
		}
		fmt.Printf("RESULT rps=%.1f count=%d p50_ms=%.3f p99_ms=%.3f\n",
			float64(len(times))/took.Seconds(), len(times), at(50), at(99))
	}
}

// until asks again until there is no error: a server begins in its own time, and looks for
// new namespaces every ten seconds.
func until(ask func(context.Context) error) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := ask(context.Background())
		if err == nil {
			return
		}
		if time.Now().After(end) {
			log.Fatal(err)
		}
	}
}

func main() {
	options := client.Options{HostPort: os.Args[2],
		Logger: sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))}
	namespaces, err := client.NewNamespaceClient(options)
	if err != nil {
		log.Fatal(err)
	}
	until(func(ctx context.Context) error {
		err := namespaces.Register(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace:                        client.DefaultNamespace,
			WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
		})
		var there *serviceerror.NamespaceAlreadyExists
		if errors.As(err, &there) {
			return nil
		}
		return err
	})
	connection, err := client.Dial(options)
	if err != nil {
		log.Fatal(err)
	}
	until(func(ctx context.Context) error {
		_, err := connection.DescribeTaskQueue(ctx, queue, enums.TASK_QUEUE_TYPE_WORKFLOW)
		return err
	})
	switch os.Args[1] {
	case "worker":
		work(connection)
	case "client":
		answer(connection)
	}
}
