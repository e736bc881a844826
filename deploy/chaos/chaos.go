// Package chaos keeps a house of processes busy with returns of every kind while its processes are killed by a plan, the
// database and Temporal among them, and while the outside world misbehaves. Then it lets the house come to rest and audits
// it. Whatever is done follows from a seed.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"aftercare.dev/deploy/audit"
	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/split"
	"aftercare.dev/services/platform/httpclient"
)

// Options say what is done to a house.
type Options struct {
	// Dir is where the house is built, and Programs are its programs.
	Dir      string
	Programs split.Programs
	Seed     uint64
	// Length is how long customers come and processes are killed.
	Length time.Duration
	// Customers is how many are under way at once, and Instances how many processes there are of each kind. Defaults 10, 2.
	Customers, Instances int
	// TimeScale is how many seconds pass outside in one. Default 7200.
	TimeScale float64
	// Rest is how long open cases may take to their end after the last kill. Default 10 minutes.
	Rest time.Duration
	// Brisk leaves out those faults that take the house a minute to find out, and has the clock strike more often.
	Brisk bool
	// First are the paths of the first customers, by name. Those after them follow from the seed.
	First []string
	// Log hears of what goes on.
	Log *slog.Logger
}

// Report is what came of it; it is the last line of the command.
type Report struct {
	Seed    uint64  `json:"seed"`
	Minutes float64 `json:"minutes"`
	// Cases were filed, and Closed of them came to their end before their customers went away.
	Cases  int `json:"cases"`
	Closed int `json:"closed"`
	// Kills is how many processes were killed, and Killed how often each.
	Kills  int            `json:"kills"`
	Killed map[string]int `json:"killed"`
	// Faults is how many rules the outside world was given, Attended how often an operator had to press retry.
	Faults   int `json:"faults"`
	Attended int `json:"attended"`
	// Spells is how often each system of the outside world was not well, and Felt how many requests felt it.
	Spells map[string]int `json:"spells"`
	Felt   map[string]int `json:"felt"`
	// Reopened is how many cases were open again after their end, because the provider changed what was paid.
	Reopened int `json:"reopened"`
	// Paths and Outcomes count the cases.
	Paths    map[string]int `json:"paths"`
	Outcomes map[string]int `json:"outcomes"`
	// Audit is what the audit found, and what was found on the way.
	Audit audit.Report `json:"audit"`
}

// runner is a run under way.
type runner struct {
	Options
	house       *split.House
	slow, hasty shop
	clock       *split.Clock
	outside     world
	receiver    *receiver

	mu       sync.Mutex
	report   Report
	expected []audit.Expected
}

// Run does it. It is over early when ctx ends: then the house comes to rest at once and is audited all the same. The error
// says that it could not be done; what is wrong with the house is in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	r, err := start(ctx, o)
	if err != nil {
		return Report{}, err
	}
	begun := time.Now()
	r.rage(ctx)
	r.report.Minutes = time.Since(begun).Minutes()
	err = r.audit(context.WithoutCancel(ctx))
	return r.report, errors.Join(err, r.close())
}

// close ends what was started, also if that is not everything.
func (r *runner) close() error {
	var errs []error
	if r.clock != nil {
		r.clock.Close()
	}
	if r.receiver != nil {
		errs = append(errs, r.receiver.close())
	}
	return errors.Join(append(errs, r.house.Close())...)
}

// start has a house up, with two merchants: one whose clocks take days, and one whose clocks are over soon.
func start(ctx context.Context, o Options) (_ *runner, err error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	house, err := split.Assemble(ctx, split.Options{
		Dir: o.Dir, Programs: o.Programs, Instances: o.Instances, TimeScale: o.TimeScale, Environ: []string{"LOG_LEVEL=warn"},
	})
	if err != nil {
		return nil, err
	}
	r := &runner{Options: o, house: house, outside: newWorld(house.SandboxURL), report: Report{
		Seed: o.Seed, Killed: map[string]int{}, Paths: map[string]int{}, Outcomes: map[string]int{},
		Spells: map[string]int{}, Felt: map[string]int{},
	}}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if err := house.Start(ctx); err != nil {
		return nil, err
	}
	return r, r.furnish(ctx)
}

// furnish has two merchants open their shops, and be told of everything.
func (r *runner) furnish(ctx context.Context) (err error) {
	door := client.Door{URL: r.house.URL, Keys: r.house.Keys, Transport: httpclient.NewTransport()}
	if r.clock, err = r.house.Clock(ctx); err != nil {
		return err
	}
	if r.receiver, err = receive(ctx); err != nil {
		return err
	}
	for name, s := range map[string]*shop{"chaos-slow": &r.slow, "chaos-hasty": &r.hasty} {
		if *s, err = open(ctx, door, r.clock, name); err != nil {
			return err
		}
		if r.Brisk {
			s.stroke = briskStroke
		}
		if err := r.receiver.subscribe(ctx, *s); err != nil {
			return err
		}
	}
	return r.hasty.hurry(ctx)
}

func (o *Options) complete() error {
	for _, name := range o.First {
		if !slices.ContainsFunc(paths, func(p path) bool { return p.Name == name }) {
			return fmt.Errorf("chaos: First names %q, which is no path; see the table of paths", name)
		}
	}
	if o.Customers == 0 {
		o.Customers = 10
	}
	if o.Instances == 0 {
		o.Instances = 2
	}
	if o.Rest == 0 {
		o.Rest = 10 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// rage has customers come and processes die until the time is over, then waits for the customers.
func (r *runner) rage(ctx context.Context) {
	coming, closing := context.WithTimeout(ctx, r.Length)
	defer closing()
	staying, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	var killing, shopping sync.WaitGroup
	killing.Go(func() { r.killAll(coming) })
	killing.Go(func() { r.storm(coming) })
	next := counter{}
	for range r.Customers {
		shopping.Go(func() {
			for coming.Err() == nil {
				r.customer(next.take()).live(staying, r.done)
			}
		})
	}
	killing.Wait()
	r.Log.Info("the last kill has fallen, the house comes to rest")
	if err := r.outside.behave(staying); err != nil {
		r.find(audit.Wrong, "sandbox", "", err.Error())
	}
	resting := time.AfterFunc(r.Rest, leave)
	defer resting.Stop()
	shopping.Wait()
}

// done is told of every case that has ended or is left.
func (r *runner) done(t *trip, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Paths[t.path.Name]++
	r.report.Faults += t.ruled
	r.report.Attended += t.acted["retry"]
	if t.reopened {
		r.report.Reopened++
	}
	if t.expected.CaseID == "" {
		r.report.Audit.Add(audit.Violation{Kind: audit.Lost, Check: "filing", Subject: t.customer.orderID, Says: fmt.Sprintf("%s: it could not be filed: %v", t.path.Name, err)})
		return
	}
	r.report.Cases++
	switch {
	case err == nil:
		r.report.Closed++
		r.report.Outcomes[t.outcome]++
	case !errors.Is(err, errLeft):
		r.report.Audit.Add(audit.Violation{Kind: audit.Stuck, Check: "customer", Subject: t.expected.CaseID, Says: fmt.Sprintf("%s: %v", t.path.Name, err)})
		t.expected.Open = true // said here
	}
	r.expected = append(r.expected, t.expected)
	if r.report.Cases%25 == 0 {
		r.Log.Info("under way", "cases", r.report.Cases, "closed", r.report.Closed)
	}
}

func (r *runner) find(kind audit.Kind, check, subject, says string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Audit.Add(audit.Violation{Kind: kind, Check: check, Subject: subject, Says: says})
}

// counter numbers the customers.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) take() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

// names are the processes that a plan may kill.
func (r *runner) names() []string {
	var names []string
	for _, p := range r.house.Processes() {
		names = append(names, p.Name)
	}
	return names
}
