package report

import (
	"fmt"
	"slices"
)

// Name is that of a target.
type Name string

// The targets.
const (
	Throughput   Name = "throughput"
	CPU          Name = "cpu"
	PostP99      Name = "post-p99"
	Actions      Name = "actions"
	History      Name = "history"
	ReadsAtScale Name = "reads-at-scale"
	Statements   Name = "statements"
	SecondWorker Name = "second-worker"
)

// Unit is what a number counts; a ratio has none.
type Unit string

// The units.
const (
	Events        Unit = "events"
	Bytes         Unit = "bytes"
	SQLStatements Unit = "statements"
)

// Target is what was aimed at, and what came of it.
type Target struct {
	Name Name `json:"name"`
	// What is measured, and Aim what it should be, in words.
	What string `json:"what"`
	Aim  string `json:"aim"`
	// Measured is empty where the run did not measure it. A target is met if every one of them is within its bound.
	Measured []Measured `json:"measured"`
	Met      bool       `json:"met"`
	// Reason says what a profile shows where it was not met.
	Reason string `json:"reason,omitempty"`
}

// Measured is one number that a target is about.
type Measured struct {
	// Of says where it was measured, if there are several places.
	Of    string   `json:"of,omitempty"`
	Value Interval `json:"value"`
	Unit  Unit     `json:"unit,omitempty"`
	Met   bool     `json:"met"`
	// Invalid says why the number counts for nothing.
	Invalid string `json:"invalid,omitempty"`
}

// Under what load the targets are about the product and its twin, and about a POST; and how many cases are many.
const (
	targetConcurrency = 32
	targetShare       = 0.5
	targetCases       = 1_000_000
)

// aim is a target before anything was measured. The bounds are those that the benchmark was ordered with.
type aim struct {
	name       Name
	what, says string
	within     func(Measured) bool
	measured   func(Result) []Measured
}

var aims = []aim{
	{
		Throughput, "completed cases per second, product / no-op twin, closed loop of 32", "≥ 0.85", atLeast(0.85),
		func(r Result) []Measured { return r.compared(func(c Comparison) Interval { return c.Throughput }) },
	},
	{
		CPU, "CPU seconds per case, all processes, product / no-op twin, closed loop of 32", "≤ 1.35", atMost(1.35),
		func(r Result) []Measured { return r.compared(func(c Comparison) Interval { return c.CPU }) },
	},
	{
		PostP99, "p99 of `POST /v1/cases` / p99 of a bare update-with-start with one insert, at 50 % load", "≤ 1.5", atMost(1.5),
		Result.posted,
	},
	{
		Actions, "Temporal actions of a plain return / of the straightforward form (an activity for each step)", "≤ 0.6", atMost(0.6),
		func(r Result) []Measured { return r.plain(Cost.actions) },
	},
	{
		History, "history of a plain return", "≤ 60 events, ≤ 60 KB",
		short,
		func(r Result) []Measured { return r.plain(Cost.history) },
	},
	{
		ReadsAtScale, "list and work-list p99 at 1,000,000 cases / at 10,000, the operation that suffers most", "≤ 1.5", atMost(1.5),
		Result.read,
	},
	{
		Statements, "SQL statements per plain return, all services", "≤ 60", atMost(60),
		func(r Result) []Measured { return r.plain(Cost.statements) },
	},
	{
		SecondWorker, "throughput with 2 workers / with 1, where the server is not the limit", "≥ 1.8", atLeast(1.8),
		Result.secondWorker,
	},
}

func atLeast(bound float64) func(Measured) bool {
	return func(m Measured) bool { return m.Value.Value >= bound }
}

func atMost(bound float64) func(Measured) bool {
	return func(m Measured) bool { return m.Value.Value <= bound }
}

func short(m Measured) bool {
	if m.Unit == Bytes {
		return m.Value.Value <= 60_000
	}
	return m.Value.Value <= 60
}

// Judge sets the targets from what was measured. The value decides, not its interval; a number that is 0 was not measured,
// and what comes from an invalid comparison is not met. Reasons are kept for targets that were measured and not met.
func (r *Result) Judge(reasons map[Name]string) {
	r.Targets = nil
	for _, a := range aims {
		t := Target{Name: a.name, What: a.what, Aim: a.says}
		t.Measured = slices.DeleteFunc(a.measured(*r), func(m Measured) bool { return !(m.Value.Value > 0) && m.Invalid == "" })
		t.Met = len(t.Measured) > 0
		for i := range t.Measured {
			m := &t.Measured[i]
			m.Met = m.Invalid == "" && a.within(*m)
			t.Met = t.Met && m.Met
		}
		if !t.Met && len(t.Measured) > 0 {
			t.Reason = reasons[t.Name]
		}
		r.Targets = append(r.Targets, t)
	}
}

func (r Result) compared(ratio func(Comparison) Interval) []Measured {
	var all []Measured
	for _, c := range r.Comparisons {
		if c.Load.Loop == Closed && c.Load.Concurrency == targetConcurrency {
			all = append(all, Measured{Of: string(c.SetUp), Value: ratio(c), Invalid: c.Invalid})
		}
	}
	return all
}

func (r Result) posted() []Measured {
	var all []Measured
	for _, p := range r.Posts {
		if p.Load.Loop == Open && p.Load.Share == targetShare {
			all = append(all, Measured{Of: string(p.SetUp), Value: p.P99})
		}
	}
	return all
}

func (r Result) plain(measured func(Cost) []Measured) []Measured {
	i := slices.IndexFunc(r.Costs, func(c Cost) bool { return c.Kind == Plain })
	if i < 0 {
		return nil
	}
	return measured(r.Costs[i])
}

func (c Cost) actions() []Measured {
	if c.StraightforwardActions == 0 {
		return nil
	}
	ratio := float64(c.Actions) / float64(c.StraightforwardActions)
	return []Measured{{Of: fmt.Sprintf("%d of %d", c.Actions, c.StraightforwardActions), Value: Interval{Value: ratio}}}
}

func (c Cost) history() []Measured {
	return []Measured{
		{Value: Interval{Value: c.Parent.Events}, Unit: Events},
		{Value: Interval{Value: c.Parent.Bytes}, Unit: Bytes},
	}
}

// statements names beside the number what is not in it, so that nobody takes it for all that a database is asked.
func (c Cost) statements() []Measured {
	of := fmt.Sprintf("besides the begin and end of %d transactions and %d looks of relays", total(c.Transactions), total(c.Looks))
	return []Measured{{Of: of, Value: Interval{Value: float64(total(c.Statements))}, Unit: SQLStatements}}
}

// read finds, for each engine, the operation that suffers most. Searches have no target, and fewer cases than the target
// speaks of say nothing about it.
func (r Result) read() []Measured {
	worst := map[string]Measured{}
	for _, read := range r.Scale.Reads {
		targeted := read.Reading == List || read.Reading == WorkList
		if !targeted || read.Many.Cases < targetCases {
			continue
		}
		if known, ok := worst[read.Engine]; !ok || read.P99.Value > known.Value.Value {
			worst[read.Engine] = Measured{Of: read.Engine + ", " + read.Operation, Value: read.P99}
		}
	}
	var all []Measured
	for _, engine := range sorted(worst) {
		all = append(all, worst[engine])
	}
	return all
}

func (r Result) secondWorker() []Measured {
	throughput := map[int]float64{}
	for _, run := range r.Scale.Workers {
		throughput[run.Workers] = run.PerSecond.Value
	}
	if throughput[1] == 0 {
		return nil
	}
	return []Measured{{Value: Interval{Value: throughput[2] / throughput[1]}}}
}
