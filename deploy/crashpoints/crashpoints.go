// Package crashpoints proves that a process may die anywhere. It runs a house of processes that were built with crash
// points, has cases go every way that a case can go, once without harm to learn which points each process passes, and
// then again and again with some of them armed, until every process has died at every point that it passes. Each time the
// process must be seen to die there, and every case must still come to the end that its path has, with the money, the
// units and the parcels that belong to it.
package crashpoints

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"aftercare.dev/deploy/audit"
	"aftercare.dev/deploy/client"
	"aftercare.dev/deploy/split"
	"aftercare.dev/services/platform/crash"
)

// patience is how long somebody asks for the same thing, and waits for the same news. Several processes may die
// meanwhile, and what a dead worker held is given to the next only after ten seconds.
const patience = 3 * time.Minute

// Options say what is tried.
type Options struct {
	// Dir holds the house and, unless Programs are given, the programs.
	Dir string
	// Programs were made by [split.BuildCrashing]; empty builds them.
	Programs split.Programs
	// Seed decides in which order the points are tried, and which of them are if not all.
	Seed uint64
	// Points is how many points are tried at most, over all processes; 0 means all of them.
	Points int
	// Batch is how many points of one process are armed at once at most, 0 means 4. Points that are armed together are met by
	// different cases, or by the same one after another; each fires once, by a death of its own.
	Batch int
	// Budget, if not 0, is how long new rounds begin. What was not tried by then is told in the report.
	Budget time.Duration
	// Log hears of the progress. Nil is silent.
	Log *slog.Logger
}

// Report is what came out.
type Report struct {
	Seed uint64 `json:"seed"`
	// Points are those that the processes passed, each counted for each process. Fired of them killed their process.
	Points int `json:"points"`
	Fired  int `json:"fired"`
	// Unreached are points that were armed and that no case came to again, and Untried is how many were not armed: they
	// were not in the sample, or time was over.
	Unreached []string `json:"unreached,omitempty"`
	Untried   int      `json:"untried"`
	Rounds    int      `json:"rounds"`
	Cases     int      `json:"cases"`
	// Violations are what must not be; First of them in words.
	Violations int      `json:"violations"`
	First      []string `json:"first,omitempty"`
	// Audit is of the house at the end.
	Audit audit.Report `json:"audit"`
}

// rig is a house whose processes are about to die.
type rig struct {
	Options
	house      *split.House
	supervisor *split.Supervisor
	shop       *shop
	listener   *listener
	clock      *split.Clock
	begun      time.Time
	queue      *queue

	mu       sync.Mutex
	report   Report
	expected []audit.Expected
}

// Run tries the points. The error says that it could not be tried; what was wrong is in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Batch == 0 {
		o.Batch = 4
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &rig{Options: o, begun: time.Now(), report: Report{Seed: o.Seed}}
	if o.Programs == "" {
		var err error
		if r.Programs, err = split.BuildCrashing(ctx, filepath.Join(o.Dir, "programs")); err != nil {
			return r.report, err
		}
	}
	err := r.run(ctx)
	return r.report, err
}

func (r *rig) run(ctx context.Context) (err error) {
	if r.house, err = split.Assemble(ctx, split.Options{Dir: r.Dir, Programs: r.Programs, TimeScale: timeScale}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.house.Close()) }()
	if r.listener, err = listen(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.listener.close()) }()
	if err := r.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.supervisor.Stop()) }()
	if r.clock, err = r.house.Clock(ctx); err != nil {
		return err
	}
	defer r.clock.Close()
	r.shop.clock = r.clock
	if err := r.learn(ctx); err != nil {
		return err
	}
	for {
		armed := r.queue.next()
		if len(armed) == 0 || r.Budget > 0 && time.Since(r.begun) > r.Budget {
			r.queue.putBack(armed)
			break
		}
		if err := r.round(ctx, armed); err != nil {
			return err
		}
	}
	r.report.Untried += r.queue.left()
	return r.close(ctx)
}

// open starts everything.
func (r *rig) open(ctx context.Context) error {
	starting, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := r.house.Start(starting); err != nil {
		return err
	}
	for _, p := range r.house.Processes() {
		if err := r.folder(p.Name).Forget(); err != nil {
			return err
		}
	}
	r.supervisor = r.house.Supervise(ctx)
	var err error
	if r.shop, err = openShop(starting, client.Door{URL: r.house.URL, Keys: r.house.Keys}, r.house.SandboxURL, r.listener.url); err != nil {
		return err
	}
	return nil
}

// learn has every path gone once, and notes who passed what.
func (r *rig) learn(ctx context.Context) error {
	r.visitAll(ctx)
	found := map[target]int{}
	for _, p := range r.house.Processes() {
		points, err := r.folder(p.Name).Passed()
		if err != nil {
			return err
		}
		for point, often := range points {
			found[target{process: p.Name, point: point}] = often
		}
	}
	if len(found) == 0 {
		return errors.New("no process passed a crash point: build the programs with the tag crashpoints")
	}
	r.report.Points = len(found)
	r.queue = newQueue(found, r.Seed, r.Points, r.Batch)
	r.report.Untried = len(found) - r.queue.left()
	r.Log.Info("learned", "points", len(found), "to_try", r.queue.left(), "took", time.Since(r.begun).Round(time.Second))
	if deaths := r.supervisor.Deaths(); len(deaths) > 0 {
		return fmt.Errorf("processes ended before anything was armed: %v", deaths)
	}
	return nil
}

func (r *rig) folder(process string) crash.Folder { return crash.Folder(r.house.CrashDir(process)) }

// round has every path gone once while the armed points wait for who comes by.
func (r *rig) round(ctx context.Context, armed []target) error {
	r.report.Rounds++
	begun, before := time.Now(), len(r.supervisor.Deaths())
	for _, t := range armed {
		if err := r.folder(t.process).Arm(t.point, t.skip); err != nil {
			return err
		}
	}
	r.visitAll(ctx)
	fired, unmet, err := r.disarm(armed)
	if err != nil {
		return err
	}
	r.see(ctx, before+len(fired))
	ready, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := r.supervisor.WaitReady(ready); err != nil {
		return err
	}
	r.checkDeaths(r.supervisor.Deaths()[before:], fired)
	r.report.Fired += len(fired)
	for _, t := range r.queue.again(unmet) {
		r.report.Unreached = append(r.report.Unreached, t.String())
	}
	r.Log.Info("round", "number", r.report.Rounds, "fired", len(fired), "unmet", len(unmet), "left", r.queue.left(),
		"violations", r.report.Violations, "took", time.Since(begun).Round(time.Second))
	return nil
}

// disarm takes the points back, and parts those that fired from those that nobody came to.
func (r *rig) disarm(armed []target) (fired, unmet []target, err error) {
	for _, t := range armed {
		waited, err := r.folder(t.process).Disarm(t.point)
		if err != nil {
			return nil, nil, err
		}
		if waited {
			unmet = append(unmet, t)
		} else {
			fired = append(fired, t)
		}
	}
	return fired, unmet, nil
}

// dying is how long it may take a process whose point has fired to be seen dead.
const dying = 10 * time.Second

// see waits until there were so many deaths. That there are not in time is for [rig.checkDeaths].
func (r *rig) see(ctx context.Context, deaths int) {
	ctx, stop := context.WithTimeout(ctx, dying)
	defer stop()
	for len(r.supervisor.Deaths()) < deaths {
		select {
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// checkDeaths holds the ends of processes against the points that fired: there must be one for each, and no other.
func (r *rig) checkDeaths(deaths []split.Death, fired []target) {
	count := map[string]int{}
	for _, d := range deaths {
		count[d.Process]++
		if !d.Killed {
			r.violation("%s ended by itself", d)
		}
	}
	for _, t := range fired {
		count[t.process]--
	}
	for process, n := range count {
		if n != 0 {
			r.violation("%s died %+d times more often than points of it fired", process, n)
		}
	}
}

// visitAll has a case go each path, side by side.
func (r *rig) visitAll(ctx context.Context) {
	if err := r.shop.furnish(ctx); err != nil {
		r.violation("the shop is furnished: %v", err)
	}
	var visits sync.WaitGroup
	for _, p := range paths() {
		visits.Go(func() {
			v, begun := &visit{shop: r.shop, path: p}, time.Now()
			err := v.run(ctx)
			r.Log.Debug("visit", "path", p.name, "case", v.Case.CaseID, "took", time.Since(begun).Round(time.Millisecond))
			if err != nil {
				r.violation("%v", err)
			}
			r.note(v, err)
		})
	}
	visits.Wait()
}

// note keeps what the audit must find.
func (r *rig) note(v *visit, failed error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Cases++
	if v.Case.CaseID == "" {
		return
	}
	e := audit.Expected{
		MerchantID: v.merchant, CaseID: v.Case.CaseID, OrderID: v.orderID,
		Accepted: map[string]int64{item: v.path.accepted}, Deducted: v.path.deducted, Open: failed != nil,
	}
	for _, o := range v.path.outcomes {
		e.Outcomes = append(e.Outcomes, string(o))
	}
	r.expected = append(r.expected, e)
}

// timeScale leaves half a second to call a courier off, and brings a parcel in ten.
const timeScale = 15_000

// told is how many violations are kept in words.
const told = 50

func (r *rig) violation(says string, args ...any) {
	said := fmt.Sprintf(says, args...)
	r.Log.Warn("violation", "says", said)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Violations++
	if len(r.report.First) < told {
		r.report.First = append(r.report.First, said)
	}
}

// close audits the house.
func (r *rig) close(ctx context.Context) (err error) {
	r.report.Audit, err = audit.Settled(ctx, audit.Of(r.house, r.shop.merchant), r.expected, patience)
	for _, v := range r.report.Audit.First {
		r.violation("%s: %s %s: %s", v.Kind, v.Check, v.Subject, strings.TrimSpace(v.Says))
	}
	r.report.Violations += r.report.Audit.Violations - len(r.report.Audit.First)
	r.checkTold(ctx)
	return err
}

// checkTold holds what the shop was told against the cases that have ended. A message that was on its way when its process
// died is sent again only after two minutes.
func (r *rig) checkTold(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	ended := slices.DeleteFunc(slices.Clone(r.expected), func(e audit.Expected) bool { return e.Open })
	for _, e := range ended {
		r.listener.await(ctx, e.CaseID)
	}
	for _, e := range ended {
		if told := r.listener.told(e.CaseID); len(told) != 1 {
			r.violation("the end of case %s was told by %d messages: %v", e.CaseID, len(told), told)
		}
	}
}
