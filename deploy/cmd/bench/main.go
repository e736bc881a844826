// Command bench measures the product beside its no-op twin, whole cases through HTTP, what a case costs whatever the machine,
// and what size does to it. It writes benchmark.json, benchmark.md and benchmark.svg. Ctrl-C ends it; what was measured by
// then is written.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aftercare.dev/deploy/bench"
	"aftercare.dev/deploy/bench/report"
)

func main() {
	err := run(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if bench.IsChild(args) {
		// Ctrl-C reaches all processes of a terminal: a child ends when its parent has no more to ask.
		signal.Ignore(os.Interrupt)
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		return bench.Serve(ctx, args, os.Stdin, os.Stdout, os.Stderr)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w, err := read(args)
	if err != nil {
		return err
	}
	if len(w.from) > 0 {
		return again(w)
	}
	return measure(ctx, w)
}

// wanted is what the command line asks for.
type wanted struct {
	options   bench.Options
	out, docs string
	from      []string
	keep      bool
}

func read(args []string) (wanted, error) {
	w := wanted{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "the short form, which takes less than five minutes")
	turn := flags.Duration("turn", 15*time.Second, "for how long a side of a comparison plays at a time, in the long form")
	flags.Uint64Var(&w.options.Seed, "seed", 1, "what chance begins with")
	flags.StringVar(&w.options.Dir, "dir", "", "an empty folder for the houses, which are kept; without one it is a temporary one")
	flags.StringVar(&w.out, "out", "dist/benchmark", "the folder for the result")
	flags.StringVar(&w.docs, "docs", "", "the folder of the docs, to put the result there, too")
	flags.Func("from", "a benchmark.json: measure nothing, and write what it says again; of several, what they say together", func(path string) error {
		w.from = append(w.from, path)
		return nil
	})
	var concurrencies []int
	flags.Func("closed", "how many cases are under way in a closed loop, may be given several times; without it 1, 8, 32 and 128", func(said string) error {
		n, err := strconv.Atoi(said)
		concurrencies = append(concurrencies, n)
		return err
	})
	waiting := flags.Int("waiting", 0, "how many workflows wait; 0 leaves it to the form: 100,000 in the long one")
	var only []bench.Part
	flags.Func("only", "a part, may be given several times: "+list(bench.Parts()), func(said string) error {
		only = append(only, bench.Part(said))
		return among(bench.Parts(), bench.Part(said))
	})
	setUp := flags.String("setup", "", "embedded, split or both; the short form has embedded, the long one both")
	if err := flags.Parse(args); err != nil {
		return w, err
	}
	if flags.NArg() > 0 {
		return w, fmt.Errorf("there is no argument %q, see --help", flags.Arg(0))
	}
	w.keep, w.options.Plan = w.options.Dir != "", bench.Full(*turn)
	if *quick {
		w.options.Plan = bench.Quick()
	}
	if len(concurrencies) > 0 {
		w.options.Plan.Closed = slices.DeleteFunc(w.options.Plan.Closed, func(l bench.ClosedLoad) bool { return !slices.Contains(concurrencies, l.Concurrency) })
	}
	if *waiting > 0 {
		w.options.Plan.Scale.Waiting = *waiting
	}
	if len(only) > 0 {
		w.options.Plan.Parts = only
	}
	switch *setUp {
	case "":
	case "both":
		w.options.Plan.SetUps = []report.SetUp{report.Embedded, report.Split}
	default:
		w.options.Plan.SetUps = []report.SetUp{report.SetUp(*setUp)}
		if err := among([]report.SetUp{report.Embedded, report.Split, "both"}, report.SetUp(*setUp)); err != nil {
			return w, fmt.Errorf("--setup: %w", err)
		}
	}
	w.options.Command = command(flags, only, concurrencies)
	return w, nil
}

// command is the line that repeats the run. Where it keeps things does not matter for that.
func command(flags *flag.FlagSet, only []bench.Part, concurrencies []int) string {
	line := []string{"bench"}
	seeded := false
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "dir", "out", "docs", "only", "closed", "from":
			return
		case "quick":
			line = append(line, "--quick")
			return
		case "seed":
			seeded = true
		}
		line = append(line, fmt.Sprintf("--%s=%s", f.Name, f.Value))
	})
	for _, part := range only {
		line = append(line, "--only="+string(part))
	}
	for _, n := range concurrencies {
		line = append(line, fmt.Sprintf("--closed=%d", n))
	}
	if !seeded {
		line = append(line, "--seed="+flags.Lookup("seed").Value.String())
	}
	return strings.Join(line, " ")
}

func list[S ~string](all []S) string {
	words := make([]string, 0, len(all))
	for _, s := range all {
		words = append(words, string(s))
	}
	return strings.Join(words, ", ")
}

func among[S ~string](all []S, one S) error {
	if slices.Contains(all, one) {
		return nil
	}
	return fmt.Errorf("%q is not one of %s", one, list(all))
}

// measure runs the benchmark and writes what came of it, be it all or not.
func measure(ctx context.Context, w wanted) (err error) {
	o := w.options
	if !w.keep {
		if o.Dir, err = os.MkdirTemp("", "aftercare-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	o.Program, o.Progress = []string{program}, os.Stderr
	result, err := bench.Run(ctx, o)
	if err == nil {
		return write(w, result)
	}
	w.docs = ""
	return errors.Join(err, write(w, result))
}

// again writes the files of a result that was kept, with the reasons that are known now.
func again(w wanted) error {
	var results []report.Result
	for _, path := range w.from {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		result, err := report.ReadJSON(file)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		results = append(results, result)
	}
	joined, err := report.Join(results[0], results[1:]...)
	if err := errors.Join(err, bench.Judge(&joined)); err != nil {
		return err
	}
	return write(w, joined)
}

func write(w wanted, result report.Result) error {
	if err := bench.Write(w.out, result); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "the result is in", cmp.Or(w.out, "."))
	if w.docs == "" {
		return nil
	}
	return bench.WriteDocs(w.docs, result)
}
