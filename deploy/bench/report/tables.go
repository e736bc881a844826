package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func (p *page) comparisons(all []Comparison) {
	if len(all) == 0 {
		return
	}
	p.heading(2, "The product beside its no-op twin")
	p.paragraph("The twin is a workflow with the same events, empty bodies and payloads of the same size, on the same server, " +
		"with the same client and worker options. Both took turns; in brackets is the 95 % interval of a bootstrap over the turns.")
	all = ordered(all)
	var rows, waits, shapes, power [][]string
	for _, c := range all {
		of := []string{string(c.SetUp), c.Load.String()}
		rows = append(rows, append(of,
			c.Product.PerSecond.within(significant), c.Twin.PerSecond.within(significant), c.Throughput.within(ratio),
			seconds(total(c.Product.CPUSeconds)), seconds(total(c.Twin.CPUSeconds)), c.CPU.within(ratio), strconv.Itoa(len(c.Rounds))))
		waits = append(waits, append(of, c.Product.Latency.String(), c.Twin.Latency.String()))
		shapes = append(shapes, []string{string(c.SetUp), c.Product.Shape.String(), c.Twin.Shape.String()})
		power = append(power, append(of, each(c.Product.CPUSeconds, seconds), each(c.Twin.CPUSeconds, seconds)))
	}
	p.table([]string{
		"set-up", "load", "product, cases/s", "twin, cases/s", "product / twin", "product, CPU per case", "twin, CPU per case",
		"product / twin", "pairs",
	}, rows)
	for _, c := range all {
		p.doubts(c)
	}
	p.heading(3, "From start to end of a case, p50 / p95 / p99")
	p.table([]string{"set-up", "load", "product", "twin"}, waits)
	p.heading(3, "CPU per case by process")
	p.table([]string{"set-up", "load", "product", "twin"}, power)
	p.heading(3, "Shape of a case: events, bytes, state transitions")
	p.table([]string{"set-up", "product", "twin"}, slices.CompactFunc(shapes, slices.Equal))
}

// sentence ends a text with one full stop.
func sentence(text string) string { return strings.TrimSuffix(text, ".") + "." }

// ordered puts the loads of a set-up below each other, closed loops first.
func ordered(all []Comparison) []Comparison {
	return slices.SortedStableFunc(slices.Values(all), func(a, b Comparison) int {
		return cmp.Or(
			cmp.Compare(a.SetUp, b.SetUp), cmp.Compare(a.Load.Loop, b.Load.Loop),
			cmp.Compare(a.Load.Concurrency, b.Load.Concurrency), cmp.Compare(a.Load.PerSecond, b.Load.PerSecond))
	})
}

// doubts says what speaks against a comparison.
func (p *page) doubts(c Comparison) {
	of := string(c.SetUp) + ", " + c.Load.String()
	if c.Invalid != "" {
		p.paragraph("**Invalid** (" + of + "): " + sentence(c.Invalid))
	}
	for _, side := range []struct {
		name string
		Side
	}{{"the product", c.Product}, {"the twin", c.Twin}} {
		if side.Failed > 0 {
			p.paragraph(fmt.Sprintf("%s cases of %s failed (%s), the first with: %s", count(side.Failed), side.name, of, side.FirstError))
		}
	}
}

func (s Shape) String() string {
	return quantity(s.Events) + ", " + size(s.Bytes) + ", " + quantity(s.Transitions)
}

func (p *page) costs(all []Cost) {
	if len(all) == 0 {
		return
	}
	p.heading(2, "What a case takes, whatever the machine")
	p.paragraph("Temporal actions are counted by the rules of Temporal Cloud. " +
		"Among the SQL statements are neither the beginnings and ends of transactions nor what a relay asks to find no work.")
	var rows, services [][]string
	for _, c := range all {
		rows = append(rows, []string{
			c.Kind, strconv.Itoa(c.Actions), strconv.Itoa(c.StraightforwardActions), c.Parent.String(),
			each(c.Children, Shape.String), count(total(c.Statements)), count(total(c.Transactions)),
		})
		services = append(services, []string{c.Kind, each(c.Statements, count[int])})
	}
	p.table([]string{
		"kind", "Temporal actions", "… with an activity for each step", "history: events, bytes, state transitions", "children",
		"SQL statements", "transactions",
	}, rows)
	p.table([]string{"kind", "SQL statements by service"}, services)
}

func (p *page) journeys(all []Journey) {
	if len(all) == 0 {
		return
	}
	p.heading(2, "Whole cases through HTTP")
	var rows [][]string
	for _, j := range all {
		rows = append(rows, []string{
			string(j.SetUp), j.Kind, seconds(j.ProviderSeconds), strconv.Itoa(j.Concurrency), significant(j.PerSecond),
			significant(j.PerCPUSecond), j.Case.String(), size(total(j.DatabaseBytes)),
		})
	}
	p.table([]string{
		"set-up", "kind", "providers take", "under way", "cases/s", "cases per CPU second", "case, p50 / p95 / p99", "database per case",
	}, rows)
	for _, j := range all {
		if j.Failed > 0 {
			p.paragraph(fmt.Sprintf("%s cases failed (%s, %s), the first with: %s", count(j.Failed), j.SetUp, j.Kind, j.FirstError))
		}
	}
	p.operations(all)
	p.memory(all)
}

// operations tells of each request in the journey that it was slowest in: all of them would be hundreds of rows.
func (p *page) operations(all []Journey) {
	type key struct {
		setUp     SetUp
		operation string
		providers float64
	}
	slowest := map[key]Journey{}
	var order []key
	for _, j := range all {
		for _, operation := range sorted(j.Operations) {
			k := key{j.SetUp, operation, j.ProviderSeconds}
			known, ok := slowest[k]
			if !ok {
				order = append(order, k)
			}
			if !ok || j.Operations[operation].P99 > known.Operations[operation].P99 {
				slowest[k] = j
			}
		}
	}
	rows := make([][]string, 0, len(order))
	for _, k := range order {
		j := slowest[k]
		l := j.Operations[k.operation]
		rows = append(rows, []string{
			string(k.setUp), seconds(k.providers), "`" + k.operation + "`", seconds(l.P50), seconds(l.P95), seconds(l.P99), j.Kind,
		})
	}
	if len(rows) == 0 {
		return
	}
	p.heading(3, "HTTP operations")
	p.paragraph("Each in the kind of case in which its p99 was highest; the raw JSON has them all.")
	p.table([]string{"set-up", "providers take", "operation", "p50", "p95", "p99", "in kind"}, rows)
}

// memory tells the most that each process held in any of the journeys.
func (p *page) memory(all []Journey) {
	type key struct {
		setUp   SetUp
		process string
	}
	most := map[key]Memory{}
	var order []key
	for _, j := range all {
		for _, process := range sorted(j.Memory) {
			k := key{j.SetUp, process}
			known, ok := most[k]
			if !ok {
				order = append(order, k)
			}
			m := j.Memory[process]
			most[k] = Memory{RSSBytes: max(known.RSSBytes, m.RSSBytes), PeakBytes: max(known.PeakBytes, m.PeakBytes)}
		}
	}
	rows := make([][]string, 0, len(order))
	for _, k := range order {
		rows = append(rows, []string{
			string(k.setUp), k.process, size(float64(most[k].RSSBytes)), size(float64(most[k].PeakBytes)),
		})
	}
	if len(rows) == 0 {
		return
	}
	p.heading(3, "Memory")
	p.table([]string{"set-up", "process", "most after a run", "peak"}, rows)
}

func (p *page) posts(all []Post) {
	if len(all) == 0 {
		return
	}
	p.heading(2, "Filing a case beside a bare update-with-start")
	p.paragraph("The bare one starts a workflow that writes one row in a local activity and answers.")
	var rows [][]string
	for _, x := range all {
		rows = append(rows, []string{
			string(x.SetUp), x.Load.String(), x.Product.String(), x.Bare.String(), x.P99.within(ratio),
		})
	}
	p.table([]string{"set-up", "load", "`POST /v1/cases`, p50 / p95 / p99", "bare, p50 / p95 / p99", "p99 / p99"}, rows)
}

func (p *page) scale(s Scale) {
	if len(s.Reads)+len(s.Waiting)+len(s.Workers) == 0 {
		return
	}
	p.heading(2, "Scale")
	p.reads(s.Reads)
	p.waiting(s.Waiting)
	p.workers(s)
}

// worstReads is how many rows an engine has on the page.
const worstReads = 10

func (p *page) reads(all []Read) {
	if len(all) == 0 {
		return
	}
	p.heading(3, "Reading among few cases and among many")
	p.paragraph(fmt.Sprintf("Of each engine the %d operations that suffer most; the raw JSON has them all.", worstReads))
	all = slices.SortedStableFunc(slices.Values(all), func(a, b Read) int {
		return cmp.Or(cmp.Compare(a.Engine, b.Engine), cmp.Compare(b.P99.Value, a.P99.Value))
	})
	told := map[string]int{}
	var rows [][]string
	for _, r := range all {
		if told[r.Engine]++; told[r.Engine] > worstReads {
			continue
		}
		rows = append(rows, []string{
			r.Engine, string(r.Reading), r.Operation, count(r.Few.Cases), seconds(r.Few.Latency.P99), count(r.Many.Cases),
			seconds(r.Many.Latency.P99), r.P99.within(ratio),
		})
	}
	p.table([]string{"engine", "reading", "operation", "few cases", "p99", "many cases", "p99", "many / few"}, rows)
}

func (p *page) waiting(all []Waiting) {
	if len(all) == 0 {
		return
	}
	p.heading(3, "Workflows that wait")
	var rows [][]string
	for _, w := range all {
		rows = append(rows, []string{
			count(w.Workflows), each(w.Memory, func(m Memory) string { return size(float64(m.RSSBytes)) }), each(w.IdleCPU, percent),
		})
	}
	p.table([]string{"waiting workflows", "memory", "CPU while idle"}, rows)
}

func percent(share float64) string { return significant(share*100) + " %" }

func (p *page) workers(s Scale) {
	if len(s.Workers) == 0 {
		return
	}
	p.heading(3, "More workers")
	if s.WorkersLimit != "" {
		p.paragraph("What holds the workers back here: " + sentence(s.WorkersLimit))
	}
	var rows [][]string
	for _, w := range s.Workers {
		against := none
		if first := s.Workers[0].PerSecond.Value; first > 0 {
			against = ratio(w.PerSecond.Value / first)
		}
		rows = append(rows, []string{
			strconv.Itoa(w.Workers), w.PerSecond.within(significant), against, each(w.CPU, percent),
		})
	}
	p.table([]string{"workers", "cases/s", "against the first row", "CPU"}, rows)
}
