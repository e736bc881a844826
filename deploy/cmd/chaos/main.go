// Command chaos breaks a house on purpose and says whether it kept its promises: returns of every kind are under way while
// processes are killed, the database and Temporal among them, and while the outside world misbehaves. It prints its seed,
// which makes the same plan again; its last line on standard output is a report in JSON; the exit code is 1 if a promise
// was broken. Ctrl-C ends the killing early, and the audit follows.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"aftercare.dev/deploy/chaos"
	"aftercare.dev/deploy/crashpoints"
	"aftercare.dev/deploy/split"
)

func main() {
	broken, err := run()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	case broken:
		os.Exit(1)
	}
}

// line is the last line: what people look for first, and the rest behind it.
type line struct {
	Seed       uint64  `json:"seed"`
	Minutes    float64 `json:"minutes"`
	Cases      int     `json:"cases"`
	Kills      int     `json:"kills"`
	Doubled    int     `json:"doubled"`
	Lost       int     `json:"lost"`
	Stuck      int     `json:"stuck"`
	LedgerSum  int64   `json:"ledger_sum"`
	Violations int     `json:"violations"`
	chaos.Report
	// Points is what came of dying at named points, if that was asked for.
	Points *crashpoints.Report `json:"points,omitempty"`
}

// sample is how many crash points are tried of them all.
const sample = 40

// atPoints kills processes at named points, one after the other; nil if that is not wanted.
func atPoints(ctx context.Context, which, dir string, seed uint64, log *slog.Logger) (*crashpoints.Report, error) {
	o := crashpoints.Options{Dir: filepath.Join(dir, "points"), Seed: seed, Log: log}
	switch which {
	case "none":
		return nil, nil
	case "sample":
		o.Points = sample
	case "all":
	default:
		return nil, fmt.Errorf("--points is %q, expected none, sample or all", which)
	}
	log.Info("processes die at named points", "points", which)
	report, err := crashpoints.Run(ctx, o)
	return &report, err
}

func run() (broken bool, err error) {
	seed := flag.Uint64("seed", 0, "what everything follows from; 0 takes one by chance")
	minutes := flag.Float64("minutes", 5, "how long processes are killed")
	customers := flag.Int("customers", 10, "how many customers are under way at once")
	instances := flag.Int("instances", 2, "how many processes there are of each kind")
	programs := flag.String("programs", "", "a folder with the programs; without one they are built")
	points := flag.String("points", "none", "die at named points first: none, sample or all")
	keep := flag.String("dir", "", "a folder for the house, which is kept; without one it is a temporary one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends the program, and its processes with it.
	context.AfterFunc(ctx, stop)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	for *seed == 0 {
		*seed = rand.Uint64() >> 1
	}
	fmt.Printf("seed %d\n", *seed)
	dir := *keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "aftercare-chaos-"); err != nil {
			return false, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	pointed, err := atPoints(ctx, *points, dir, *seed, log)
	if err != nil {
		return false, err
	}
	built := split.Programs(*programs)
	if built == "" {
		log.Info("the programs are built")
		if built, err = split.Build(ctx, filepath.Join(dir, "programs")); err != nil {
			return false, err
		}
	}
	report, err := chaos.Run(ctx, chaos.Options{
		Dir: filepath.Join(dir, "house"), Programs: built, Seed: *seed, Length: time.Duration(*minutes * float64(time.Minute)),
		Customers: *customers, Instances: *instances, Log: log,
		// Rare, and what no run should be without.
		First: []string{"refunded outside as well", "returned by the bank, tried again", "insured, picked up"},
	})
	if err != nil {
		return false, err
	}
	for _, v := range report.Audit.First {
		fmt.Printf("%s: %s %s: %s\n", v.Kind, v.Check, v.Subject, v.Says)
	}
	if pointed != nil {
		for _, says := range pointed.First {
			fmt.Printf("at a crash point: %s\n", says)
		}
		report.Audit.Merge(pointed.Audit)
		report.Audit.Violations += pointed.Violations - pointed.Audit.Violations
	}
	last, err := json.Marshal(line{
		Points: pointed, Seed: report.Seed, Minutes: report.Minutes, Cases: report.Cases, Kills: report.Kills,
		Doubled: report.Audit.Doubled, Lost: report.Audit.Lost, Stuck: report.Audit.Stuck,
		LedgerSum: report.Audit.LedgerSum, Violations: report.Audit.Violations, Report: report,
	})
	if err != nil {
		return false, err
	}
	fmt.Println(string(last))
	return report.Audit.Violations > 0, nil
}
