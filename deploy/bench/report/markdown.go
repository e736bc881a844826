package report

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Markdown tells a result in tables, the targets first. The headings are of the second level and below, so that a page may
// have a title of its own and show the chart wherever it keeps it.
func Markdown(w io.Writer, r Result) error {
	var p page
	p.targets(r)
	p.method(r)
	p.comparisons(r.Comparisons)
	p.costs(r.Costs)
	p.journeys(r.Journeys)
	p.posts(r.Posts)
	p.scale(r.Scale)
	if _, err := io.WriteString(w, strings.TrimRight(p.text.String(), "\n")+"\n"); err != nil {
		return fmt.Errorf("write the page of the benchmark: %w", err)
	}
	return nil
}

func (p *page) targets(r Result) {
	p.heading(2, "Targets")
	if r.Quick {
		p.paragraph("From the short form of the benchmark: the counts are right, the times and ratios are rough.")
	}
	rows := make([][]string, 0, len(r.Targets))
	for _, t := range r.Targets {
		rows = append(rows, []string{t.What, t.Aim, t.measured(), t.verdict()})
	}
	p.table([]string{"what", "target", "measured", "met"}, rows)
}

func (t Target) measured() string {
	if len(t.Measured) == 0 {
		return none
	}
	all := make([]string, 0, len(t.Measured))
	for _, m := range t.Measured {
		all = append(all, m.String())
	}
	return strings.Join(all, "; ")
}

func (t Target) verdict() string {
	if len(t.Measured) == 0 {
		return "not measured in this run"
	}
	if t.Met {
		return "yes"
	}
	var why, missed []string
	for _, m := range t.Measured {
		if m.Invalid != "" {
			why = append(why, "the comparison is invalid, "+m.Invalid)
		}
		if !m.Met {
			missed = append(missed, cmp.Or(m.Of, string(m.Unit)))
		}
	}
	switch {
	case t.Reason != "":
		why = append(why, t.Reason)
	case len(why) == 0:
		why = append(why, "no profile has shown the reason yet")
	}
	no := "**no**"
	if len(missed) < len(t.Measured) {
		no += " (" + strings.Join(missed, ", ") + ")"
	}
	return no + ": " + strings.Join(why, "; ")
}

func (m Measured) String() string {
	var says string
	switch m.Unit {
	case Bytes:
		says = m.Value.within(size)
	case "":
		says = m.Value.within(exact)
	default:
		says = m.Value.within(quantity) + " " + string(m.Unit)
	}
	if m.Of == "" {
		return says
	}
	return says + " (" + m.Of + ")"
}

func (p *page) method(r Result) {
	p.heading(2, "How it was measured")
	form := "The whole benchmark"
	if r.Quick {
		form = "The short form"
	}
	p.paragraph(fmt.Sprintf("%s, begun %s, took %s, seed %d. This repeats it:", form,
		r.Begun.UTC().Format("2006-01-02 15:04 UTC"), took(r.TookSeconds), r.Seed))
	p.paragraph("```sh\n" + r.Command + "\n```")
	m := r.Machine
	model := ""
	if m.Model != "" {
		model = " (" + m.Model + ")"
	}
	p.paragraph(fmt.Sprintf("%d CPUs%s, GOMAXPROCS %d, %s of memory, %s, %s. The load came from a process of its own on the same machine.",
		m.CPUs, model, m.GOMAXPROCS, size(float64(m.MemoryBytes)), m.Kernel, m.Go))
	p.houses(r.Houses)
}

func took(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

func (p *page) houses(houses []House) {
	var rows, workers [][]string
	for _, h := range houses {
		settings := each(h.DynamicConfig, func(v string) string { return v })
		rows = append(rows, []string{
			string(h.SetUp), h.Temporal, h.SDK, h.Database, strconv.Itoa(h.Shards), strconv.Itoa(h.Partitions), settings,
		})
		for _, w := range h.Workers {
			workers = append(workers, []string{
				string(h.SetUp), w.Name, strconv.Itoa(w.Processes), w.Pollers, count(w.WorkflowSlots),
				count(w.ActivitySlots), count(w.LocalActivitySlots), count(w.CachedWorkflows),
			})
		}
	}
	p.table([]string{"set-up", "Temporal", "SDK", "database", "shards", "partitions", "dynamic config"}, rows)
	p.table([]string{
		"set-up", "worker", "processes", "pollers", "workflow slots", "activity slots", "local activity slots", "cached workflows",
	}, workers)
}
