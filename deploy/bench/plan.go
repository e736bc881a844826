package bench

import (
	"time"

	"aftercare.dev/deploy/bench/report"
	"aftercare.dev/services/platform/database"
)

// Part is one of the things that are measured.
type Part string

// The parts.
const (
	Comparisons Part = "comparison"
	Journeys    Part = "journeys"
	Posts       Part = "posts"
	Counts      Part = "counts"
	Scale       Part = "scale"
)

// Parts are all parts.
func Parts() []Part { return []Part{Comparisons, Posts, Journeys, Counts, Scale} }

// Plan is what is measured, and for how long.
type Plan struct {
	// Quick is for the report.
	Quick  bool
	Parts  []Part
	SetUps []report.SetUp
	// WarmUp is what each side plays at the beginning without being counted. There the twin's highest throughput is looked
	// for where no comparison has found it.
	WarmUp ClosedLoad
	// Closed and Open are the loads of the comparison. How often both sides have their turn, and for how long, is up to each.
	Closed []ClosedLoad
	Open   []OpenLoad
	// Post is the load under which cases are opened.
	Post OpenLoad
	// Kinds are those of the journeys, all if there are none, and Providers how many milliseconds providers take to answer.
	Kinds     []string
	Providers []int
	// Journey is for how long new cases of a kind are begun, and UnderWay how many there are at any time.
	Journey  time.Duration
	UnderWay int
	// Takes is how many cases of each kind are counted.
	Takes int
	Scale ScalePlan
}

// ClosedLoad is a number of cases under way at any time.
type ClosedLoad struct {
	Concurrency, Pairs int
	Turn               time.Duration
}

// OpenLoad is a number of cases a second: so much of the twin's highest throughput.
type OpenLoad struct {
	Share float64
	Pairs int
	Turn  time.Duration
}

// ScalePlan says how large the large is.
type ScalePlan struct {
	// Engines are those whose records are asked for.
	Engines []string
	// Closed and Open are the cases of the large database, Compared all those of the small one, and Requests how often each
	// question is asked of each.
	Closed, Open, Compared, Requests int
	// Waiting is how many workflows wait, Settle how long they are left alone, and Idle how long the processor is looked at then.
	Waiting      int
	Settle, Idle time.Duration
	// Crews are the numbers of workers, and Crew is for how long they are given work.
	Crews []int
	Crew  time.Duration
}

// Full is the whole benchmark, which takes more than an hour. A turn is for how long a side is given cases at a time.
func Full(turn time.Duration) Plan {
	const pairs = 5
	p := Plan{
		Parts: Parts(), SetUps: []report.SetUp{report.Embedded, report.Split}, WarmUp: ClosedLoad{Concurrency: 32, Turn: 10 * time.Second},
		Post:      OpenLoad{Share: 0.5, Pairs: pairs, Turn: turn},
		Providers: []int{0, 50}, Journey: 8 * time.Second, UnderWay: 16, Takes: 3,
		Scale: ScalePlan{
			Engines: []string{database.SQLite, database.MySQL}, Closed: 1_000_000, Open: 100_000, Compared: 10_000, Requests: 300,
			Waiting: 100_000, Settle: 20 * time.Second, Idle: 30 * time.Second, Crews: []int{1, 2, 4}, Crew: 20 * time.Second,
		},
	}
	for _, concurrency := range []int{1, 8, 32, 128} {
		p.Closed = append(p.Closed, ClosedLoad{Concurrency: concurrency, Pairs: pairs, Turn: turn})
	}
	for _, share := range []float64{0.5, 0.7} {
		p.Open = append(p.Open, OpenLoad{Share: share, Pairs: pairs, Turn: turn})
	}
	return p
}

// Quick is the short form, which takes less than five minutes on two cores. Its counts are as good as those of the long one.
func Quick() Plan {
	const turn = 6 * time.Second
	return Plan{
		Quick: true, Parts: Parts(), SetUps: []report.SetUp{report.Embedded}, WarmUp: ClosedLoad{Concurrency: 32, Turn: 4 * time.Second},
		Closed: []ClosedLoad{{Concurrency: 1, Pairs: 2, Turn: turn}, {Concurrency: 32, Pairs: 2, Turn: turn}},
		Open:   []OpenLoad{{Share: 0.5, Pairs: 1, Turn: 10 * time.Second}},
		Post:   OpenLoad{Share: 0.5, Pairs: 2, Turn: 4 * time.Second},
		Kinds:  []string{"plain", "courier"}, Providers: []int{0, 50}, Journey: 5 * time.Second, UnderWay: 8, Takes: 1,
		Scale: ScalePlan{
			Engines: []string{database.SQLite}, Closed: 20_000, Open: 2_000, Compared: 2_000, Requests: 20,
			Waiting: 500, Settle: 2 * time.Second, Idle: 3 * time.Second, Crews: []int{1, 2}, Crew: 4 * time.Second,
		},
	}
}
