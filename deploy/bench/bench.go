// Package bench runs the benchmark: the product beside its no-op twin, whole cases through HTTP, the opening of a case beside
// the least that could open one, what cases cost whatever the machine, and what size does to all of that.
//
// The load comes from the process that runs the benchmark. What is measured runs in processes of its own, so that the CPU
// that it takes can be told from that of the load.
package bench

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aftercare.dev/deploy/bench/report"
)

// Options say how the benchmark is run.
type Options struct {
	// Plan is what is measured, and for how long.
	Plan Plan
	// Seed is what chance begins with: which cases are looked at, and the intervals.
	Seed uint64
	// Dir is an empty folder, or one to be made, for houses and databases. Whoever gives it removes it.
	Dir string
	// Program starts this program, which answers to [Serve], as a child: a path and the arguments before those of the child.
	Program []string
	// Command is the line that repeats the run, for the report.
	Command string
	// Progress hears what is being done.
	Progress io.Writer
}

// runner is one run of the benchmark.
type runner struct {
	Options
	result report.Result
}

// Run runs the benchmark. What was measured until an error is in the result.
func Run(ctx context.Context, o Options) (report.Result, error) {
	r := &runner{Options: o}
	machine, err := thisMachine()
	if err != nil {
		return r.result, err
	}
	r.result = report.Result{Begun: time.Now().UTC().Truncate(time.Second), Command: o.Command, Seed: o.Seed, Quick: o.Plan.Quick, Machine: machine}
	if err := makeEmpty(o.Dir); err != nil {
		return r.result, err
	}
	err = r.run(ctx)
	r.result.TookSeconds = time.Since(r.result.Begun).Seconds()
	return r.result, errors.Join(err, Judge(&r.result))
}

// run measures everything, also after an error: what else there is may have taken an hour.
func (r *runner) run(ctx context.Context) error {
	var errs []error
	try := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
			r.tell("%s: %v", what, err)
		}
	}
	if r.Plan.has(Comparisons) || r.Plan.has(Journeys) || r.Plan.has(Posts) {
		for _, setUp := range r.Plan.SetUps {
			try(string(setUp), r.at(ctx, setUp))
		}
	}
	if r.Plan.has(Counts) {
		try("counts", r.count(ctx))
	}
	if r.Plan.has(Scale) {
		try("scale", r.scale(ctx))
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// at measures in one of the set-ups.
func (r *runner) at(ctx context.Context, setUp report.SetUp) (err error) {
	r.tell("%s: a house is started", setUp)
	h, err := r.open(ctx, setUp)
	if err != nil {
		return err
	}
	defer func() {
		r.tell("%s: the house is closed", setUp)
		err = errors.Join(err, h.Close())
	}()
	told, err := h.told(ctx)
	if err != nil {
		return err
	}
	r.result.Houses = append(r.result.Houses, told)
	for _, part := range []struct {
		Part
		run func(context.Context, *house) error
	}{{Comparisons, r.compare}, {Posts, r.post}, {Journeys, r.journeys}} {
		if !r.Plan.has(part.Part) {
			continue
		}
		if failed := part.run(ctx, h); failed != nil {
			failed = fmt.Errorf("%s: %w", part.Part, failed)
			r.tell("%s: %v", setUp, failed)
			err = errors.Join(err, failed)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return err
}

// tell says what is being done, and since when the run is under way.
func (r *runner) tell(format string, args ...any) {
	at := time.Since(r.result.Begun).Truncate(time.Second)
	_, _ = fmt.Fprintf(r.Progress, "%6s  %s\n", at, fmt.Sprintf(format, args...)) // who does not listen misses nothing of the result
}

// makeEmpty makes a folder. What is in it already could be a house of another run, which a new one would go on with.
func makeEmpty(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	there, err := os.ReadDir(dir)
	if err == nil && len(there) > 0 {
		err = fmt.Errorf("the folder %s is not empty: name one that is, or one that is not there", dir)
	}
	return err
}

// reasons are what profiles show for targets that were not met, by the name of the target.
//
//go:embed reasons.json
var reasons []byte

// Judge sets the targets of a result, with the reasons that are known.
func Judge(r *report.Result) error {
	known := map[report.Name]string{}
	if err := json.Unmarshal(reasons, &known); err != nil {
		return fmt.Errorf("read reasons.json: %w", err)
	}
	r.Judge(known)
	return nil
}

// Write writes a result into a folder: benchmark.json with all of it, benchmark.md with its tables, benchmark.svg with its chart if there was
// a closed loop.
func Write(dir string, r report.Result) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return errors.Join(
		written(filepath.Join(dir, "benchmark.json"), r, report.WriteJSON),
		written(filepath.Join(dir, "benchmark.md"), r, report.Markdown),
		draw(filepath.Join(dir, "benchmark.svg"), r),
	)
}

// WriteDocs puts a result on the page of the docs and draws the chart beside it. The folder is that of the docs.
func WriteDocs(dir string, r report.Result) error {
	return errors.Join(
		report.Update(filepath.Join(dir, "performance.md"), r),
		draw(filepath.Join(dir, "images", "benchmark.svg"), r),
	)
}

// draw draws the chart, unless the run did not measure what is on it.
func draw(path string, r report.Result) error {
	closed := func(c report.Comparison) bool { return c.Load.Loop == report.Closed }
	if !slices.ContainsFunc(r.Comparisons, closed) {
		return nil
	}
	return written(path, r, report.Chart)
}

func written(path string, r report.Result, write func(io.Writer, report.Result) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file, r), file.Close())
}

// has tells whether a part is to be measured.
func (p Plan) has(part Part) bool { return slices.Contains(p.Parts, part) }
