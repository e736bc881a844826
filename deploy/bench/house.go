package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"aftercare.dev/deploy/bench/journey"
	"aftercare.dev/deploy/bench/report"
	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/keys"
	"aftercare.dev/deploy/split"
	embedded "aftercare.dev/deploy/temporal"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/workflows/contract"
)

// house is the running product in one of the set-ups, with the workers of the twin beside it.
type house struct {
	setUp      report.SetUp
	door       client.Door
	sandboxURL string
	// address is that of Temporal.
	address string
	// child works for the twin.
	child *child
	// pids are the processes that are measured: all but the one that makes the load.
	pids map[string]int
	// bare is where bare cases are written.
	bare      bareDatabase
	databases databases

	client temporalclient.Client
	shop   *journey.Shop
	// known is what was learned for the twin, and highest its highest throughput; nil and 0 until they are needed.
	known   *known
	highest float64
	// rate is the highest throughput of either side so far.
	rate float64

	closers []func() error
}

// Close ends all processes of the house.
func (h *house) Close() error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		errs = append(errs, h.closers[i]())
	}
	return errors.Join(errs...)
}

func (h *house) onClose(closer func() error) { h.closers = append(h.closers, closer) }

// open starts a house.
func (r *runner) open(ctx context.Context, setUp report.SetUp) (*house, error) {
	h := &house{setUp: setUp}
	start := r.startEmbedded
	if setUp == report.Split {
		start = r.startSplit
	}
	if err := start(ctx, h, filepath.Join(r.Dir, string(setUp))); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	if err := h.furnish(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *house) furnish(ctx context.Context) (err error) {
	if h.client, err = dialed(ctx, h.address, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	h.onClose(func() error { h.client.Close(); return nil })
	h.shop, err = journey.Open(ctx, h.door, h.sandboxURL)
	return err
}

// startEmbedded starts the product in one process.
func (r *runner) startEmbedded(ctx context.Context, h *house, dir string) error {
	c, said, err := startChild(ctx, r.Program, filepath.Join(dir, "log", houseChild), houseChild, "--dir", dir)
	if err != nil {
		return err
	}
	h.onClose(c.stop)
	secrets, err := keys.Ensure(filepath.Join(dir, "keys"))
	if err != nil {
		return err
	}
	h.child, h.address, h.sandboxURL, h.door = c, said.Temporal, said.Sandbox, client.Door{URL: said.Gateway, Keys: secrets}
	h.pids = map[string]int{"aftercare": c.pid()}
	h.bare = bareDatabase{Driver: database.SQLite, DSN: filepath.Join(dir, "data", "bare.db")}
	h.databases = databases{files: map[string]string{"temporal": filepath.Join(dir, "temporal", "temporal.db")}}
	for _, name := range split.Services {
		h.databases.files[name] = filepath.Join(dir, "data", name+".db")
	}
	return nil
}

// startSplit starts the product as a platform does, and the workers of the twin in a process of their own.
func (r *runner) startSplit(ctx context.Context, h *house, dir string) error {
	r.tell("%s: the programs are built", h.setUp)
	programs, err := split.Build(ctx, filepath.Join(r.Dir, "programs"))
	if err != nil {
		return err
	}
	home, err := split.Assemble(ctx, split.Options{Dir: dir, Programs: programs, TimeScale: timeScale, Environ: []string{"LOG_LEVEL=warn"}})
	if err != nil {
		return err
	}
	h.onClose(home.Close)
	if err := home.Start(ctx); err != nil {
		return err
	}
	c, _, err := startChild(ctx, r.Program, filepath.Join(dir, "log", workersChild), workersChild, "--temporal", home.Temporal)
	if err != nil {
		return err
	}
	h.onClose(c.stop)
	h.child, h.address, h.sandboxURL, h.door = c, home.Temporal, home.SandboxURL, client.Door{URL: home.URL, Keys: home.Keys}
	h.pids = map[string]int{"twin": c.pid(), "database": home.MySQL.PID()}
	for _, p := range home.Processes() {
		h.pids[p.Name] = p.PID()
	}
	if err := home.MySQL.CreateDatabase(ctx, "bare_"); err != nil {
		return err
	}
	h.bare = bareDatabase{Driver: database.MySQL, DSN: home.MySQL.DSN() + "bare_"}
	h.databases = databases{
		files: map[string]string{"temporal": filepath.Join(dir, "temporal", "temporal.db")}, server: home.MySQL.DSN(), schemas: map[string]string{},
	}
	for _, name := range split.Services {
		h.databases.schemas[name] = name + "_"
	}
	return nil
}

// told is what the report says of the house.
func (h *house) told(ctx context.Context) (report.House, error) {
	told := report.House{SetUp: h.setUp, SDK: temporal.SDKVersion, DynamicConfig: embedded.Tuning()}
	service := h.client.WorkflowService()
	cluster, err := service.GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{})
	if err != nil {
		return told, fmt.Errorf("ask Temporal what it is: %w", err)
	}
	told.Temporal, told.Shards = cluster.GetServerVersion(), int(cluster.GetHistoryShardCount())
	partitions, err := service.ListTaskQueuePartitions(ctx, &workflowservice.ListTaskQueuePartitionsRequest{
		Namespace: namespace, TaskQueue: &taskqueue.TaskQueue{Name: contract.CasesQueue, Kind: enums.TASK_QUEUE_KIND_NORMAL},
	})
	if err != nil {
		return told, fmt.Errorf("ask Temporal for its partitions: %w", err)
	}
	told.Partitions = len(partitions.GetWorkflowTaskQueuePartitions())
	if told.Database, err = h.databases.version(ctx, filepath.Dir(h.databases.files["temporal"])); err != nil {
		return told, err
	}
	told.Workers, err = workersTold(h.setUp)
	return told, err
}

// What the SDK has where the product's options say nothing.
const (
	sdkWorkflowSlots = 1000
	sdkCache         = 10_000
)

func workersTold(setUp report.SetUp) ([]report.Worker, error) {
	options, err := productOptions(nil)
	if err != nil {
		return nil, err
	}
	names := []string{"cases and money, in the one process"}
	if setUp == report.Split {
		names = []string{"cases", "money"}
	}
	var told []report.Worker
	for _, name := range append(names, "the twin's, with both queues") {
		w := report.Worker{
			Name: name, Processes: 1, Pollers: "the SDK's default",
			WorkflowSlots: sdkWorkflowSlots, CachedWorkflows: sdkCache,
			ActivitySlots: options.MaxConcurrentActivityExecutionSize, LocalActivitySlots: options.MaxConcurrentLocalActivityExecutionSize,
		}
		if options.MaxConcurrentWorkflowTaskExecutionSize > 0 {
			w.WorkflowSlots = options.MaxConcurrentWorkflowTaskExecutionSize
		}
		if options.WorkflowTaskPollerBehavior != nil {
			w.Pollers = strings.Trim(fmt.Sprintf("%+v", options.WorkflowTaskPollerBehavior), "&{}")
		}
		told = append(told, w)
	}
	return told, nil
}
