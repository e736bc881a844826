package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	temporalclient "go.temporal.io/sdk/client"

	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/deploy/bench/report"
	"aftercare.dev/deploy/bench/scale"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/database/mysqlserver"
)

// scale measures what grows with the number of cases.
func (r *runner) scale(ctx context.Context) error {
	for _, engine := range r.Plan.Scale.Engines {
		if err := r.read(ctx, engine); err != nil {
			return fmt.Errorf("records, %s: %w", engine, err)
		}
	}
	return r.wait(ctx)
}

// read asks for records among few and among many.
func (r *runner) read(ctx context.Context, engine string) (err error) {
	p := r.Plan.Scale
	dir := filepath.Join(r.Dir, "records")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	at := func(name string) (string, error) { return filepath.Join(dir, name+".db"), nil }
	if engine == database.MySQL {
		server, err := mysqlserver.Start(ctx, mysqlserver.Options{Durable: true})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		at = func(name string) (string, error) { return server.DSN() + name, server.CreateDatabase(ctx, name) }
	}
	quiet := slog.New(slog.DiscardHandler)
	asked := scale.Records{
		Population: scale.Population{Closed: p.Closed, Open: p.Open, Until: r.result.Begun, Seed: r.Seed},
		Compared:   p.Compared, Requests: p.Requests, Logger: quiet,
	}
	for name, into := range map[string]*database.Config{"few": &asked.Few, "many": &asked.Many} {
		dsn, err := at(name)
		if err != nil {
			return err
		}
		*into = database.Config{Driver: engine, DSN: config.Secret(dsn), Logger: quiet}
	}
	r.tell("scale: %s is filled with %d and with %d cases, and asked", engine, p.Compared, p.Closed+p.Open)
	answers, err := scale.AskRecords(ctx, asked)
	if err != nil {
		return err
	}
	for _, a := range answers {
		r.result.Scale.Reads = append(r.result.Scale.Reads, report.Read{
			Operation: a.Operation, Reading: report.Reading(a.Reading), Engine: a.Engine,
			Few: filledOf(a.Few), Many: filledOf(a.Many), P99: report.Interval(a.Ratio),
		})
	}
	return nil
}

func filledOf(t scale.Taken) report.Filled {
	return report.Filled{Cases: t.Cases, Latency: report.Latency(t.Latency.Summary())}
}

// starters is how many workflows that wait are begun at a time.
const starters = 32

// wait has many workflows wait in a house in which nothing else happens, and before that has workers compete in it.
func (r *runner) wait(ctx context.Context) (err error) {
	h := &house{setUp: report.Embedded}
	defer func() { err = errors.Join(err, h.Close()) }()
	if err := r.startEmbedded(ctx, h, filepath.Join(r.Dir, "waiting")); err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	options, err := productOptions(nil)
	if err != nil {
		return err
	}
	dial := func(ctx context.Context) (temporalclient.Client, error) { return dialed(ctx, h.address, quiet) }
	if err := r.crews(ctx, h, scale.Crews{
		Dial: dial, Options: options, Slots: slots, Latency: latency, Length: r.Plan.Scale.Crew,
	}); err != nil {
		return err
	}
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	idle, err := scale.NewStandIns(c, options)
	if err != nil {
		return err
	}
	defer idle.Stop()
	p := r.Plan.Scale
	r.tell("scale: %d workflows are begun, which wait", p.Waiting)
	h.pids["workers of those that wait"] = os.Getpid()
	waited, err := scale.Wait(ctx, scale.Patience{
		Kind: "stand-in", Number: p.Waiting, AtOnce: starters, Begin: idle.Begin, Processes: h.pids, Settle: p.Settle, Idle: p.Idle,
	})
	if err != nil {
		return err
	}
	r.result.Scale.Waiting = []report.Waiting{restOf(0, waited.Before, p.Idle), restOf(waited.Number, waited.After, p.Idle)}
	r.tell("scale: %d workflows wait: %.3f CPUs, %.0f bytes each", waited.Number, waited.After.CPU, waited.BytesEach)
	return nil
}

func restOf(workflows int, rest scale.Rest, idle time.Duration) report.Waiting {
	w := report.Waiting{Workflows: workflows, Memory: memoryOf(rest.Processes), IdleCPU: map[string]float64{}}
	for name, p := range rest.Processes {
		w.IdleCPU[name] = p.CPU / idle.Seconds()
	}
	return w
}

// What holds a worker back: he waits for somebody outside, and for few at a time.
const (
	slots   = 2
	latency = 100 * time.Millisecond
)

// crews compares numbers of workers.
func (r *runner) crews(ctx context.Context, h *house, c scale.Crews) error {
	r.result.Scale.WorkersLimit = fmt.Sprintf(
		"each worker runs %d activities at a time, which wait %d ms for somebody outside; the workflows are no cases, but four such activities in a row",
		c.Slots, c.Latency.Milliseconds())
	for _, count := range r.Plan.Scale.Crews {
		c.Counts = []int{count}
		begun := time.Now()
		before, err := measure.Read(h.pids)
		if err != nil {
			return err
		}
		crews, err := scale.Compare(ctx, c)
		if err != nil {
			return err
		}
		after, err := measure.Read(h.pids)
		if err != nil {
			return err
		}
		run := report.WorkerRun{Workers: count, PerSecond: report.Interval{Value: crews[0].Run.PerSecond()}, CPU: map[string]float64{}}
		for name, p := range after.Since(before) {
			run.CPU[name] = p.CPU / time.Since(begun).Seconds()
		}
		r.result.Scale.Workers = append(r.result.Scale.Workers, run)
		r.tell("scale: %d workers, %.1f workflows/s", count, run.PerSecond.Value)
	}
	return nil
}
