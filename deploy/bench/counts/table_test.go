package counts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// row is what a kind of case may cost.
type row struct {
	// Statements are those of requests, Relayed those that relays make by themselves.
	Statements map[string]int   `json:"statements"`
	Relayed    map[string]int   `json:"relayed,omitempty"`
	Parent     bound            `json:"parent"`
	Children   map[string]bound `json:"children,omitempty"`
}

type bound struct {
	Events  int `json:"events"`
	Bytes   int `json:"bytes"`
	Actions int `json:"actions"`
}

const (
	tableFile = "testdata/counts.json"
	// grain is what bytes are rounded up to, and spare what is added before: numbers in events are written shorter or longer.
	grain, spare = 256, 64
	// batches is by how much the batches of a relay may differ.
	batches = 2
)

func tableOf(file string) (map[string]row, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]row{}, nil
	}
	if err != nil {
		return nil, err
	}
	table := map[string]row{}
	return table, json.Unmarshal(content, &table)
}

func write(file string, table map[string]row) error {
	content, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '\n'), 0o600)
}

func rowOf(c Cost) row {
	r := row{Statements: requested(c), Relayed: c.Relayed, Parent: boundOf(c.Parent), Children: map[string]bound{}}
	for kind, w := range c.Children {
		r.Children[kind] = boundOf(w)
	}
	return r
}

// most has of each count of two rows the higher: what a parcel's news or a batch more costs now and then is allowed.
func (r row) most(o row) row {
	return row{
		Statements: higher(r.Statements, o.Statements, larger), Relayed: higher(r.Relayed, o.Relayed, larger),
		Parent: r.Parent.most(o.Parent), Children: higher(r.Children, o.Children, bound.most),
	}
}

func (b bound) most(o bound) bound {
	return bound{Events: max(b.Events, o.Events), Bytes: max(b.Bytes, o.Bytes), Actions: max(b.Actions, o.Actions)}
}

func larger(a, b int) int { return max(a, b) }

func higher[V any](a, b map[string]V, of func(V, V) V) map[string]V {
	all := map[string]V{}
	for _, name := range names(a, b) {
		all[name] = of(a[name], b[name])
	}
	return all
}

// requested are the statements that are made for requests.
func requested(c Cost) map[string]int {
	statements := map[string]int{}
	for service, n := range c.Statements {
		if n -= c.Relayed[service]; n > 0 {
			statements[service] = n
		}
	}
	return statements
}

func boundOf(w Workflow) bound {
	return bound{Events: w.Events, Bytes: (w.Bytes + spare + grain - 1) / grain * grain, Actions: w.Actions}
}

// against tells which counts of a case are above the table, and which below.
func (r row) against(c Cost) (risen, fallen []string) {
	compare := func(what string, now, then, rise, fall int) {
		switch {
		case now > then+rise:
			risen = append(risen, fmt.Sprintf("%s: %d, was %d", what, now, then))
		case now < then-fall:
			fallen = append(fallen, fmt.Sprintf("%s: %d, was %d", what, now, then))
		}
	}
	now := requested(c)
	for _, service := range names(r.Statements, now) {
		compare("SQL statements of "+service+" for requests", now[service], r.Statements[service], 0, 0)
	}
	for _, service := range names(r.Relayed, c.Relayed) {
		compare("SQL statements of "+service+" by its relay", c.Relayed[service], r.Relayed[service], batches, batches)
	}
	workflow := func(name string, now Workflow, then bound) {
		compare("events of "+name, now.Events, then.Events, 0, 0)
		compare("bytes of "+name, now.Bytes, then.Bytes, 0, grain+2*spare)
		compare("actions of "+name, now.Actions, then.Actions, 0, 0)
	}
	workflow("the case", c.Parent, r.Parent)
	for _, kind := range names(r.Children, c.Children) {
		workflow(kind, c.Children[kind], r.Children[kind])
	}
	return risen, fallen
}

func names[A, B any](a map[string]A, b map[string]B) []string {
	return slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for name := range maps.Keys(a) {
			if !yield(name) {
				return
			}
		}
		for name := range maps.Keys(b) {
			if !yield(name) {
				return
			}
		}
	}))
}
