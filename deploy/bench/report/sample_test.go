package report_test

import (
	"time"

	"aftercare.dev/deploy/bench/report"
)

// sample is a small result in which each part says something.
func sample() report.Result {
	r := report.Result{
		Begun: time.Date(2026, 11, 22, 6, 30, 0, 0, time.UTC), TookSeconds: 1834.2, Command: "make bench SEED=7", Seed: 7,
		Machine: report.Machine{CPUs: 2, Model: "Some CPU", GOMAXPROCS: 2, Go: "go1.26.8", Kernel: "Linux 6.1", MemoryBytes: 8_000_000_000},
		Houses: []report.House{
			{
				SetUp: report.Embedded, Temporal: "1.31.0", SDK: "1.50.0", Database: "SQLite 3.50", Shards: 1, Partitions: 1,
				DynamicConfig: map[string]string{"history.rps": "30000", "frontend.rps": "24000"},
				Workers: []report.Worker{{
					Name: "returns", Processes: 1, Pollers: "scaling by themselves", WorkflowSlots: 1000, ActivitySlots: 100,
					LocalActivitySlots: 100, CachedWorkflows: 10_000,
				}},
			},
			{SetUp: report.Split, Temporal: "1.31.0", SDK: "1.50.0", Database: "MariaDB 10.11", Shards: 4, Partitions: 1},
		},
		Costs: []report.Cost{{
			Kind: report.Plain, Statements: map[string]int{"cases": 21, "order": 5, "payment": 16},
			Transactions: map[string]int{"cases": 9, "payment": 6}, Looks: map[string]int{"notification": 4},
			Actions: 22, StraightforwardActions: 44,
			Parent:   report.Shape{Events: 60, Bytes: 14_012, Transitions: 41},
			Children: map[string]report.Shape{"refund": {Events: 22, Bytes: 5_100, Transitions: 15}},
		}},
		Posts: []report.Post{{
			SetUp: report.Embedded, Load: report.Load{Loop: report.Open, Share: 0.5, PerSecond: 6},
			Product: latency(0.061), Bare: latency(0.05), P99: report.Interval{Value: 1.22, Low: 1.1, High: 1.3},
		}},
		Scale: report.Scale{
			Reads: []report.Read{
				read("list", report.List, "SQLite", 0.004, 0.005),
				read("queue of an agent", report.WorkList, "SQLite", 0.004, 0.0048),
				read("by buyer's name", report.Search, "SQLite", 0.004, 0.04),
			},
			Waiting: []report.Waiting{{
				Workflows: 100_000, Memory: map[string]report.Memory{"worker": {RSSBytes: 210_000_000, PeakBytes: 230_000_000}},
				IdleCPU: map[string]float64{"worker": 0.0123},
			}},
			WorkersLimit: "one CPU for each worker",
			Workers: []report.WorkerRun{
				{Workers: 1, PerSecond: report.Interval{Value: 10}, CPU: map[string]float64{"server": 0.4}},
				{Workers: 2, PerSecond: report.Interval{Value: 18.5}, CPU: map[string]float64{"server": 0.7}},
			},
		},
	}
	for _, l := range []struct {
		concurrency   int
		product, twin float64
	}{{1, 2.6, 2.9}, {8, 9.1, 10.4}, {32, 11.2, 13.1}, {128, 11.4, 13.6}} {
		r.Comparisons = append(r.Comparisons,
			comparison(report.Embedded, l.concurrency, l.product, l.twin),
			comparison(report.Split, l.concurrency, l.product*1.3, l.twin*1.8))
	}
	for _, providers := range []float64{0, 0.05} {
		r.Journeys = append(r.Journeys, journey(report.Plain, providers, 0.02), journey("courier", providers, 0.03))
	}
	r.Judge(map[report.Name]string{report.Throughput: "writing the case's own records takes 40 % of the CPU | see the profile"})
	return r
}

func latency(p99 float64) report.Latency {
	return report.Latency{Count: 200, P50: p99 / 2, P95: p99 * 0.9, P99: p99, Max: p99 * 2}
}

func around(x float64) report.Interval {
	return report.Interval{Value: x, Low: x * 0.95, High: x * 1.04}
}

func comparison(setUp report.SetUp, concurrency int, product, twin float64) report.Comparison {
	turn := report.Turn{Done: 500, TookSeconds: 60, CPUSeconds: map[string]float64{"server": 30}, Latency: latency(2)}
	return report.Comparison{
		SetUp: setUp, Load: report.Load{Loop: report.Closed, Concurrency: concurrency}, Order: "ABBA",
		Rounds: []report.Round{{Product: turn, Twin: turn}, {Product: turn, Twin: turn}},
		Product: report.Side{
			Done: 1000, PerSecond: around(product), Latency: latency(2.5), CPUSeconds: map[string]float64{"server": 0.08, "worker": 0.04},
			Shape: report.Shape{Events: 82, Bytes: 19_112, Transitions: 56},
		},
		Twin: report.Side{
			Done: 1100, PerSecond: around(twin), Latency: latency(2.1), CPUSeconds: map[string]float64{"server": 0.08, "worker": 0.02},
			Shape: report.Shape{Events: 82, Bytes: 19_020, Transitions: 56},
		},
		Throughput: around(product / twin), CPU: around(1.2),
	}
}

func journey(kind string, providers, p99 float64) report.Journey {
	return report.Journey{
		SetUp: report.Embedded, Kind: kind, ProviderSeconds: providers, Concurrency: 8, Done: 300, TookSeconds: 30, PerSecond: 10,
		PerCPUSecond: 6.4, CPUSeconds: map[string]float64{"server": 0.15}, Case: latency(0.8),
		Operations:    map[string]report.Latency{"openCase": latency(p99), "getCase": latency(p99 / 4)},
		Memory:        map[string]report.Memory{"server": {RSSBytes: 180_000_000, PeakBytes: 200_000_000}},
		DatabaseBytes: map[string]float64{"cases": 6000, "temporal": 31_000},
	}
}

func read(operation string, reading report.Reading, engine string, few, many float64) report.Read {
	return report.Read{
		Operation: operation, Reading: reading, Engine: engine,
		Few:  report.Filled{Cases: 10_000, Latency: latency(few)},
		Many: report.Filled{Cases: 1_100_000, Latency: latency(many)},
		P99:  report.Interval{Value: many / few},
	}
}
