// Package split runs Aftercare as a platform does: every process on its own, several of each behind a balancer that knows
// which are ready, with a server of the MySQL family, a Temporal server and the outside world as processes, too. Each can
// be stopped, killed and started again.
package split

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"aftercare.dev/deploy/keys"
	"aftercare.dev/deploy/sandbox"
	"aftercare.dev/services/platform/database/mysqlserver"
)

// Options say what a house is made of.
type Options struct {
	// Dir holds everything but the databases. The outside world's journals are in its folder "sandbox".
	Dir      string
	Programs Programs
	// Instances is how many there are of each service, worker and gateway. Default 1.
	Instances int
	// TimeScale is how many seconds pass outside in one. Default 7200.
	TimeScale float64
	// DrainDelay is how long requests are taken after /readyz turned red.
	DrainDelay time.Duration
	// SharedToken has all processes share one service token, as those of release 0.1.0 do, in place of one each.
	SharedToken bool
	// Environ are further variables of every process, each as NAME=value.
	Environ []string
}

// House is a running Aftercare.
type House struct {
	// URL is the gateway, SandboxURL the outside world, and Temporal the address of the frontend.
	URL, SandboxURL, Temporal string
	Keys                      *keys.Keys
	MySQL                     *mysqlserver.Server

	options   Options
	variables map[string]string
	thread    *thread
	balancers map[string]*balancer
	processes map[string]*Process
	order     []string // the names of the processes, as they are started
}

// Assemble prepares a house and starts nothing but the databases, which are empty, and the balancers. The caller closes
// it, also after an error of a later step.
func Assemble(ctx context.Context, options Options) (*House, error) {
	options.Instances = max(options.Instances, 1)
	if options.TimeScale == 0 {
		options.TimeScale = 7200
	}
	h := &House{
		options: options, thread: newThread(), balancers: map[string]*balancer{}, processes: map[string]*Process{},
	}
	if err := h.assemble(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *House) assemble(ctx context.Context) (err error) {
	if err := os.MkdirAll(filepath.Join(h.options.Dir, "log"), 0o700); err != nil {
		return err
	}
	if h.Keys, err = keys.Ensure(filepath.Join(h.options.Dir, "keys")); err != nil {
		return err
	}
	err = h.thread.do(func() (err error) {
		h.MySQL, err = mysqlserver.Start(ctx, mysqlserver.Options{Durable: true, Attributes: attributes()})
		return err
	})
	if err != nil {
		return err
	}
	if err := h.createDatabases(ctx); err != nil {
		return err
	}
	for _, name := range slices.Concat(Services, []string{"gateway"}) {
		if h.balancers[name], err = newBalancer(ctx); err != nil {
			return err
		}
	}
	h.URL = h.balancers["gateway"].URL
	if err := h.makeProcesses(ctx); err != nil {
		return err
	}
	for _, b := range h.balancers {
		b.start(ctx)
	}
	return nil
}

func (h *House) createDatabases(ctx context.Context) error {
	for _, name := range Services {
		if err := h.MySQL.CreateDatabase(ctx, name+"_"); err != nil {
			return err
		}
	}
	return nil
}

// Start starts everything, prepares the databases and Temporal, and returns when requests are answered.
func (h *House) Start(ctx context.Context) error {
	if err := h.Prepare(ctx); err != nil {
		return err
	}
	rest := slices.DeleteFunc(h.Processes(), func(p *Process) bool { return p.Running() })
	return h.Run(ctx, rest...)
}

// Prepare starts Temporal and the outside world, and prepares the databases and Temporal for the house, as a platform
// does before it starts a version.
func (h *House) Prepare(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { return h.Process("sandbox").Restart(ctx) })
	group.Go(func() error { return h.Migrate(ctx) })
	group.Go(func() error {
		if err := h.Process("temporal").Restart(ctx); err != nil {
			return err
		}
		return h.SetUp(ctx)
	})
	return group.Wait()
}

// SetUp prepares Temporal for the house, as "worker setup" does.
func (h *House) SetUp(ctx context.Context) error {
	return h.command(ctx, "worker", h.Process("worker-cases-1"), "setup", "SETUP_NAMESPACE=true")
}

// command runs a command of a program to its end, with the variables of one of its processes and some more.
func (h *House) command(ctx context.Context, program string, like *Process, name string, environ ...string) error {
	c := exec.CommandContext(ctx, h.options.Programs.Path(program), name) //nolint:gosec // a program of the house
	c.Env = slices.Concat(like.environ, environ)
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, name, err, said)
	}
	return nil
}

// Run starts some of the processes, side by side, and waits until they are ready and the house takes requests.
func (h *House) Run(ctx context.Context, processes ...*Process) error {
	var group errgroup.Group
	for _, p := range processes {
		group.Go(func() error { return p.Restart(ctx) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return h.WaitReady(ctx)
}

// WaitReady waits until the house takes requests at its door.
func (h *House) WaitReady(ctx context.Context) error {
	for {
		said, err := ready(ctx, h.URL+readyz)
		if err == nil && said.Status == "ready" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the gateway is not ready, %v is missing: %w", said.Missing, errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Migrate brings the databases up to date, as each service's "migrate" does.
func (h *House) Migrate(ctx context.Context) error {
	var group errgroup.Group
	for _, name := range Services {
		group.Go(func() error { return h.command(ctx, name, h.Process(name+"-1"), "migrate") })
	}
	return group.Wait()
}

// CrashDir is the folder of a process's crash points. Programs without any do not know it.
func (h *House) CrashDir(process string) string {
	return filepath.Join(h.options.Dir, "crash", process)
}

// Process is a process by its name, such as "cases-2", or nil.
func (h *House) Process(name string) *Process { return h.processes[name] }

// Processes are all processes, those first that others need.
func (h *House) Processes() []*Process {
	all := make([]*Process, 0, len(h.order))
	for _, name := range h.order {
		all = append(all, h.processes[name])
	}
	return all
}

func (h *House) each(do func(*Process) error) error {
	var group errgroup.Group
	for _, p := range h.processes {
		group.Go(func() error { return do(p) })
	}
	return group.Wait()
}

// Close kills everything and removes the databases.
func (h *House) Close() error {
	errs := []error{h.each((*Process).Kill)}
	for _, b := range h.balancers {
		b.close()
	}
	if h.MySQL != nil {
		errs = append(errs, h.MySQL.Kill(), h.MySQL.Stop())
	}
	h.thread.close()
	return errors.Join(errs...)
}

// BootMySQL starts the database server again after its end.
func (h *House) BootMySQL(ctx context.Context) error {
	return h.thread.do(func() error { return h.MySQL.Boot(ctx) })
}

// makeProcesses makes the processes with their addresses; none is started.
func (h *House) makeProcesses(ctx context.Context) error {
	if err := h.makeServers(ctx); err != nil {
		return err
	}
	for n := range h.options.Instances {
		for _, name := range Services {
			err := h.make(ctx, name, n+1, strings.ToUpper(name)+"_LISTEN")
			if err != nil {
				return err
			}
		}
		for _, queue := range []string{"cases", "money"} {
			p, err := h.process(ctx, "worker", fmt.Sprintf("worker-%s-%d", queue, n+1), "WORKER_LISTEN")
			if err != nil {
				return err
			}
			p.With("WORKER_QUEUES=" + queue)
		}
		if err := h.make(ctx, "gateway", n+1, "GATEWAY_LISTEN"); err != nil {
			return err
		}
	}
	return nil
}

// make makes an instance behind the balancer of its program.
func (h *House) make(ctx context.Context, program string, n int, listen string) error {
	p, err := h.process(ctx, program, fmt.Sprintf("%s-%d", program, n), listen)
	if err != nil {
		return err
	}
	h.balancers[program].add(p)
	return nil
}

func (h *House) process(ctx context.Context, program, name, listen string) (*Process, error) {
	address, err := FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	p := &Process{
		Name: name, URL: "http://" + address, path: h.options.Programs.Path(program), thread: h.thread,
		logPath: filepath.Join(h.options.Dir, "log", name), environ: append(h.environ(program), listen+"="+address, "CRASH_DIR="+h.CrashDir(name)),
	}
	h.processes[name] = p
	h.order = append(h.order, name)
	return p, nil
}

// makeServers makes Temporal and the outside world, whose addresses are in the environment of all others.
func (h *House) makeServers(ctx context.Context) error {
	at := map[string]string{}
	for _, name := range []string{"temporal", "ui", "sandbox", "mail"} {
		address, err := FreeAddress(ctx)
		if err != nil {
			return err
		}
		at[name] = address
	}
	h.Temporal, h.SandboxURL = at["temporal"], "http://"+at["sandbox"]
	credentials, err := sandbox.EnsureKeys(filepath.Join(h.options.Dir, "sandbox", "keys"))
	if err != nil {
		return err
	}
	base := append(os.Environ(), "LOG_LEVEL=debug", "LOG_FORMAT=json")
	server := func(name, program, url string, environ ...string) *Process {
		p := &Process{
			Name: name, URL: url, path: h.options.Programs.Path(program), thread: h.thread,
			logPath: filepath.Join(h.options.Dir, "log", name), environ: slices.Concat(base, environ, h.options.Environ),
		}
		h.processes[name] = p
		h.order = append(h.order, name)
		return p
	}
	temporal := server("temporal", "aftercare", "http://"+at["ui"], "LOG_LEVEL=warn")
	temporal.args = []string{"temporal", "--bare", "--dir", filepath.Join(h.options.Dir, "temporal"), "--listen", at["temporal"], "--ui", at["ui"]}
	temporal.probe = "/healthz"
	server("sandbox", "sandbox", h.SandboxURL,
		"SANDBOX_DIR="+filepath.Join(h.options.Dir, "sandbox"), "SANDBOX_LISTEN="+at["sandbox"], "SANDBOX_MAIL_LISTEN="+at["mail"],
		fmt.Sprintf("SANDBOX_TIME_SCALE=%g", h.options.TimeScale), "SANDBOX_CALLBACK_URL="+h.URL)
	h.variables = credentials.Environ(sandbox.Addresses{Sandbox: h.SandboxURL, Mail: at["mail"], Gateway: h.URL}, h.options.TimeScale)
	h.settings()
	return nil
}

// settings completes the variables that all processes of the house have alike.
func (h *House) settings() {
	maps.Copy(h.variables, h.Keys.Environ())
	maps.Copy(h.variables, map[string]string{
		"TEMPORAL_ADDRESS": h.Temporal, "TEMPORAL_NAMESPACE": "aftercare",
		"CASES_EVIDENCE_DIRECTORY":         filepath.Join(h.options.Dir, "evidence"),
		"NOTIFICATION_WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8,::1/128",
		"GATEWAY_DRAIN_DELAY":              h.options.DrainDelay.String(),
		"LOG_LEVEL":                        "debug", "LOG_FORMAT": "json",
		"OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none",
	})
	for _, name := range Services {
		prefix := strings.ToUpper(name)
		h.variables[prefix+"_URL"] = h.balancers[name].URL
		h.variables[prefix+"_DATABASE_DRIVER"] = "mysql"
		h.variables[prefix+"_DATABASE_DSN"] = h.MySQL.DSN() + name + "_"
		h.variables[prefix+"_MIGRATE"] = "false"
		h.variables[prefix+"_DRAIN_DELAY"] = h.options.DrainDelay.String()
	}
}

func (h *House) environ(program string) []string {
	list := os.Environ()
	for name, value := range h.variables {
		list = append(list, name+"="+value)
	}
	if h.options.SharedToken {
		list = append(list, "SERVICE_CALLERS=")
	} else {
		list = append(list, "SERVICE_TOKEN="+h.Keys.ServiceTokenOf(program))
	}
	return append(list, h.options.Environ...)
}
