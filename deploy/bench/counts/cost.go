package counts

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// Cost is what a case cost.
type Cost struct {
	// Statements are the SQL statements of the case by service, without the beginnings and ends of Transactions.
	Statements   map[string]int `json:"statements"`
	Transactions map[string]int `json:"transactions"`
	// Relayed are those of Statements that no request asked for: relays make them for what waits to be delivered, for several
	// messages at once if they wait together, so that there are a few more or fewer from time to time.
	Relayed map[string]int `json:"relayed"`
	// Looks are how often a relay that was woken by the case, by service, asked whether there is work: how often an idle one
	// asks is taken off. It depends on the moment, by one or two.
	Looks map[string]int `json:"looks"`
	// Parent is the workflow of the case, Children are those that it started by their type; several of one are added up.
	Parent   Workflow            `json:"parent"`
	Children map[string]Workflow `json:"children,omitempty"`
	// List has the statements in their order.
	List []Made `json:"-"`
}

// Statement is what a service asks its database, with placeholders for values.
type Statement struct{ Service, Text string }

// Made is a statement and who had it made.
type Made struct {
	Statement
	// For is the operation of the public API, or the callback, that began it; Operation the one of the service. Both are
	// empty for what a relay does by itself.
	For, Operation string
}

// opening is the operation that a case begins with.
const opening = "POST /v1/cases"

// left tells what is not part of a case, by how the name of an operation that it is in begins.
var left = []string{
	"PUT /v1/orders", // with the next, what selling costs
	"PUT /v1/merchants/{merchant_id}/insurance-policies/",
	"GET /v1/cases/{case_id}", // also its timeline and its events
}

// seller is the service whose relay has nothing to tell but that an order was shipped, which is to be insured.
const seller = "order"

// costOf counts what is seen of a case that began in it.
func costOf(all []seen, of idle) Cost {
	cost := Cost{Statements: map[string]int{}, Transactions: map[string]int{}, Relayed: map[string]int{}, Looks: map[string]int{}}
	slices.SortStableFunc(all, func(a, b seen) int { return a.at.Compare(b.at) })
	begun := slices.IndexFunc(all, func(s seen) bool { return slices.Contains(s.path, opening) })
	if begun < 0 {
		return cost
	}
	all = all[begun:]
	looks := map[string]float64{}
	for _, s := range all {
		switch {
		case s.Text == "" && s.counts():
			cost.Transactions[s.Service]++
		case s.Text == "":
		case of.makes(s):
			looks[s.Service]++
		case s.counts():
			cost.Statements[s.Service]++
			if !s.parent.IsValid() {
				cost.Relayed[s.Service]++
			}
			cost.List = append(cost.List, s.made())
		}
	}
	length := all[len(all)-1].at.Sub(all[0].at)
	for service, n := range looks {
		if woken := math.Round(n - of.rate(service)*length.Seconds()); woken > 0 {
			cost.Looks[service] = int(woken)
		}
	}
	for service, n := range cost.Transactions {
		cost.Transactions[service] = n / 2 // seen at both ends
	}
	return cost
}

// rate is how often a second an idle service asks.
func (i idle) rate(service string) (sum float64) {
	for s, often := range i {
		if s.Service == service && s.Text != "" {
			sum += often
		}
	}
	return sum
}

// counts tells whether it is of the case.
func (s seen) counts() bool {
	if len(s.path) == 0 {
		return s.Service != seller
	}
	return !slices.ContainsFunc(s.path, func(name string) bool {
		return slices.ContainsFunc(left, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	})
}

func (s seen) made() Made {
	m := Made{Statement: s.Statement}
	if len(s.path) > 0 {
		m.For, m.Operation = s.path[0], s.path[len(s.path)-1]
	}
	return m
}

// Total is the number of statements of all services.
func (c Cost) Total() (sum int) {
	for _, n := range c.Statements {
		sum += n
	}
	return sum
}

// Workflow is the sum of all workflows.
func (c Cost) Workflow() Workflow {
	sum := c.Parent
	for _, w := range c.Children {
		sum = sum.plus(w)
	}
	return sum
}

// Typical has of each count of several cases of a kind the middle one, of two the lesser: a busy machine can split into two
// what is one workflow task or one look of a relay, and news from outside can come a moment sooner or later. There must be
// at least one case. Its list is that of the case whose statements are as many, or of the first.
func Typical(all ...Cost) Cost {
	typical := all[0]
	for _, c := range all {
		if c.Total() == middle(all, Cost.Total) {
			typical = c
			break
		}
	}
	each := func(of func(Cost) map[string]int) map[string]int {
		return byName(all, of, func(one func(Cost) int) int { return middle(all, one) })
	}
	typical.Statements = each(func(c Cost) map[string]int { return c.Statements })
	typical.Transactions = each(func(c Cost) map[string]int { return c.Transactions })
	typical.Relayed = each(func(c Cost) map[string]int { return c.Relayed })
	typical.Looks = each(func(c Cost) map[string]int { return c.Looks })
	workflow := func(of func(Cost) Workflow) Workflow {
		return Workflow{
			Events:          middle(all, func(c Cost) int { return of(c).Events }),
			Bytes:           middle(all, func(c Cost) int { return of(c).Bytes }),
			Transitions:     middle(all, func(c Cost) int { return of(c).Transitions }),
			Actions:         middle(all, func(c Cost) int { return of(c).Actions }),
			Straightforward: middle(all, func(c Cost) int { return of(c).Straightforward }),
		}
	}
	typical.Parent = workflow(func(c Cost) Workflow { return c.Parent })
	typical.Children = byName(all, func(c Cost) map[string]Workflow { return c.Children }, workflow)
	return typical
}

// byName combines what costs have under each name that one of them has. One that lacks it has the zero value.
func byName[V comparable](all []Cost, of func(Cost) map[string]V, combine func(func(Cost) V) V) map[string]V {
	combined := map[string]V{}
	for _, c := range all {
		for name := range of(c) {
			combined[name] = combine(func(c Cost) V { return of(c)[name] })
		}
	}
	var none V
	maps.DeleteFunc(combined, func(_ string, v V) bool { return v == none })
	return combined
}

func middle(all []Cost, of func(Cost) int) int {
	values := make([]int, len(all))
	for i, c := range all {
		values[i] = of(c)
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}
