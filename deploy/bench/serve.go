package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"aftercare.dev/deploy/bench/twin"
	"aftercare.dev/deploy/standalone"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/process"
	"aftercare.dev/workflows/dial"
	productworker "aftercare.dev/workflows/worker"
)

// The children.
const (
	// houseChild is the product in one process, with the workers of the twin in it.
	houseChild = "house"
	// workersChild has nothing but the workers of the twin.
	workersChild = "workers"
)

// IsChild tells whether arguments are those of a child, which [Serve] runs.
func IsChild(args []string) bool {
	return len(args) > 0 && slices.Contains([]string{houseChild, workersChild}, args[0])
}

const (
	// namespace is where the workflows are.
	namespace = "aftercare"
	// timeScale is how many seconds pass outside in one: a provider pays after 40 ms.
	timeScale = 7200
)

// request asks a child to start workers.
type request struct {
	// Shape is that of the twin to be played.
	Shape *twin.Shape `json:"shape,omitempty"`
	// Bare is where bare cases are written.
	Bare *bareDatabase `json:"bare,omitempty"`
}

type bareDatabase struct {
	Driver string `json:"driver"`
	DSN    string `json:"dsn"`
}

// response is the answer to a request, and the first thing that a child says.
type response struct {
	Error string `json:"error,omitempty"`
	// The addresses of a house.
	Gateway  string `json:"gateway,omitempty"`
	Sandbox  string `json:"sandbox,omitempty"`
	Temporal string `json:"temporal,omitempty"`
}

// Serve runs a child. It says on out where it is, does what it is asked on in, one JSON value after the other, and ends with
// in or with ctx. So it never outlives the process that started it.
func Serve(ctx context.Context, args []string, in io.Reader, out, log io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	flags := flag.NewFlagSet("bench "+args[0], flag.ContinueOnError)
	dir := flags.String("dir", "", "the folder of the house")
	address := flags.String("temporal", "", "the address of Temporal")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	c := &crew{log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	process.TuneMemory(c.log) // as the product's own programs do
	said := response{Temporal: *address}
	var environ []string
	if args[0] == houseChild {
		const free = "127.0.0.1:0"
		system, err := standalone.Start(ctx, standalone.Config{
			Dir: *dir, GatewayAddr: free, TemporalAddr: free, UIAddr: free, SandboxAddr: free, MailAddr: free, TimeScale: timeScale,
		}, c.log)
		if err != nil {
			return err
		}
		defer system.Stop()
		said = response{Gateway: system.GatewayURL, Sandbox: system.SandboxURL, Temporal: system.Temporal}
	} else {
		environ = os.Environ()
	}
	var err error
	if c.options, err = productOptions(environ); err != nil {
		return err
	}
	if c.client, err = dialed(ctx, said.Temporal, c.log); err != nil {
		return err
	}
	defer c.client.Close()
	return errors.Join(c.serve(ctx, said, in, json.NewEncoder(out)), c.stop())
}

// crew are the workers in a child.
type crew struct {
	log     *slog.Logger
	client  temporalclient.Client
	options worker.Options
	working []*twin.Workers
}

func (c *crew) serve(ctx context.Context, said response, in io.Reader, out *json.Encoder) error {
	requests, ended := make(chan request), make(chan error, 1)
	go func() { ended <- read(ctx, json.NewDecoder(in), requests) }()
	for {
		if err := out.Encode(said); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case asked := <-requests:
			said = response{}
			if err := c.hire(ctx, asked); err != nil {
				said.Error = err.Error()
			}
		}
	}
}

// read hands the requests on until there are no more.
func read(ctx context.Context, in *json.Decoder, requests chan<- request) error {
	for {
		var asked request
		err := in.Decode(&asked)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		select {
		case requests <- asked:
		case <-ctx.Done():
			return nil
		}
	}
}

// hire starts workers.
func (c *crew) hire(ctx context.Context, asked request) error {
	var workers *twin.Workers
	var err error
	switch {
	case asked.Shape != nil:
		workers = twin.NewWorkers(c.client, *asked.Shape, c.options)
	case asked.Bare != nil:
		at := database.Config{Driver: asked.Bare.Driver, DSN: config.Secret(asked.Bare.DSN), Logger: c.log}
		workers, err = twin.NewBareWorkers(ctx, c.client, at, c.options)
	default:
		err = errors.New("a request has a shape or a database")
	}
	if err != nil {
		return err
	}
	if err := workers.Start(); err != nil {
		return err
	}
	c.working = append(c.working, workers)
	return nil
}

func (c *crew) stop() error {
	var errs []error
	for _, workers := range c.working {
		errs = append(errs, workers.Stop())
	}
	return errors.Join(errs...)
}

// productOptions are those of the product's workers in an environment.
func productOptions(environ []string) (worker.Options, error) {
	// Nothing is asked with the token.
	cfg, err := config.Load[productworker.Config]("", append(slices.Clone(environ), "SERVICE_TOKEN=none-is-needed-to-work-for-the-twin-only"))
	if err != nil {
		return worker.Options{}, err
	}
	return cfg.Options(), nil
}

// dialed is a client as the product's processes have it.
func dialed(ctx context.Context, address string, log *slog.Logger) (temporalclient.Client, error) {
	options := temporalclient.Options{HostPort: address, Namespace: namespace}
	if err := dial.Complete(&options, dial.Config{}, log); err != nil {
		return nil, err
	}
	c, err := temporalclient.DialContext(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("connect to the Temporal server: %w", err)
	}
	return c, nil
}
