package bench

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"aftercare.dev/deploy/bench/journey"
	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/deploy/bench/report"
	"aftercare.dev/deploy/bench/twin"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/workflows/contract"
)

// known is the twin of a house.
type known struct {
	driver  *twin.Driver
	product side
	twin    side
}

// lessons is from how many cases the twin's shape is chosen: news from outside can come a moment sooner or later, so that a
// case has a task more or less.
const lessons = 9

// learn plays plain cases on the quiet house, has the twin learn from the one that most are like, and starts its workers.
func (r *runner) learn(ctx context.Context, h *house) (*known, error) {
	if h.known != nil {
		return h.known, nil
	}
	r.tell("%s: the twin learns from %d cases", h.setUp, lessons)
	k := &known{product: side{name: "the product", play: func(ctx context.Context) (string, error) {
		id, err := h.shop.Case(ctx, journey.Plain())
		return contract.CaseWorkflowID(h.shop.Merchant, id), err
	}, stock: h.shop.Stock}}
	type form struct{ events, transitions int64 }
	often, example := map[form]int{}, map[form]string{}
	for range lessons {
		id, err := k.product.play(ctx)
		if err != nil {
			return nil, err
		}
		if err := h.ended(ctx, id); err != nil {
			return nil, err
		}
		f, err := twin.Measure(ctx, h.client, id)
		if err != nil {
			return nil, err
		}
		often[form{f.Events, f.Transitions}]++
		example[form{f.Events, f.Transitions}] = id
	}
	var usual form
	for f, n := range often {
		// Of two that are as frequent, the one with less.
		if cmp.Or(n-often[usual], int(usual.transitions-f.transitions), int(usual.events-f.events)) > 0 {
			usual = f
		}
	}
	shape, err := twin.Learn(ctx, h.client, example[usual])
	if err != nil {
		return nil, err
	}
	if err := h.child.do(ctx, request{Shape: &shape}); err != nil {
		return nil, fmt.Errorf("start the workers of the twin: %w", err)
	}
	if k.driver, err = twin.NewDriver(h.client, shape); err != nil {
		return nil, err
	}
	k.twin = side{name: "the twin", play: func(ctx context.Context) (string, error) {
		id := ids.New("case")
		return k.driver.WorkflowID(id), k.driver.Case(ctx, id)
	}}
	h.known = k
	return k, r.warm(ctx, h, k)
}

// warm has both sides play without being counted.
func (r *runner) warm(ctx context.Context, h *house, k *known) error {
	load := report.Load{Loop: report.Closed, Concurrency: r.Plan.WarmUp.Concurrency}
	r.tell("%s: both sides warm up for %s each", h.setUp, r.Plan.WarmUp.Turn)
	for _, s := range []side{k.product, k.twin} {
		t, err := h.turn(ctx, s, load, r.Plan.WarmUp.Turn, rand.New(rand.NewPCG(r.Seed, 0)))
		if err != nil {
			return err
		}
		r.tell("%s: warm-up, %s: %s", h.setUp, s.name, t)
		if s.name == k.twin.name {
			h.highest = t.PerSecond()
		}
	}
	return nil
}

// compare compares the product with its twin under each load.
func (r *runner) compare(ctx context.Context, h *house) error {
	k, err := r.learn(ctx, h)
	if err != nil {
		return err
	}
	highest := 0.0
	for _, c := range r.Plan.Closed {
		load := report.Load{Loop: report.Closed, Concurrency: c.Concurrency}
		compared, fastest, err := r.compareUnder(ctx, h, k, load, c.Pairs, c.Turn)
		if err != nil {
			return err
		}
		r.result.Comparisons = append(r.result.Comparisons, compared)
		highest = max(highest, fastest)
	}
	if highest > 0 {
		h.highest = highest
	}
	for _, o := range r.Plan.Open {
		load := report.Load{Loop: report.Open, Share: o.Share, PerSecond: o.Share * h.highest}
		compared, _, err := r.compareUnder(ctx, h, k, load, o.Pairs, o.Turn)
		if err != nil {
			return err
		}
		r.result.Comparisons = append(r.result.Comparisons, compared)
	}
	return nil
}

// compareUnder has product and twin take turns under a load. The other answer is the twin's mean throughput.
func (r *runner) compareUnder(
	ctx context.Context, h *house, k *known, load report.Load, pairs int, length time.Duration,
) (c report.Comparison, throughput float64, err error) {
	chance := rand.New(rand.NewPCG(r.Seed, uint64(len(r.result.Comparisons)+1)))
	c = report.Comparison{SetUp: h.setUp, Load: load}
	turns := make([]pair, pairs)
	c.Order, err = inTurns(pairs, func(whose measure.Turn, at int) error {
		s, into := k.product, &turns[at].product
		if whose == measure.B {
			s, into = k.twin, &turns[at].twin
		}
		*into, err = h.turn(ctx, s, load, length, chance)
		r.tell("%s: %s, pair %d of %d, %s: %s", h.setUp, said(load), at+1, pairs, s.name, into)
		return err
	})
	if err != nil {
		return c, 0, err
	}
	product, other := sumOf(turns, func(p pair) turn { return p.product }, r.Seed), sumOf(turns, func(p pair) turn { return p.twin }, r.Seed)
	c.Product, c.Twin, c.Invalid = product.side(), other.side(), invalid(product, other)
	var perSecond, cpu []measure.Pair
	for _, p := range turns {
		c.Rounds = append(c.Rounds, report.Round{Product: p.product.told(), Twin: p.twin.told()})
		perSecond = append(perSecond, measure.Pair{A: p.product.PerSecond(), B: p.twin.PerSecond()})
		cpu = append(cpu, measure.Pair{A: p.product.cpuPerCase(), B: p.twin.cpuPerCase()})
	}
	c.Throughput, c.CPU = report.Interval(measure.Ratio(perSecond, r.Seed)), report.Interval(measure.Ratio(cpu, r.Seed))
	r.tell("%s: %s: throughput %.2f, CPU %.2f of the twin's", h.setUp, said(load), c.Throughput.Value, c.CPU.Value)
	if c.Invalid != "" {
		r.tell("%s: %s: invalid: %s", h.setUp, said(load), c.Invalid)
	}
	return c, other.perSecond.Value, nil
}

// said is a load in words.
func said(l report.Load) string {
	if l.Loop == report.Open {
		return fmt.Sprintf("open, %.0f %% (%.1f/s)", 100*l.Share, l.PerSecond)
	}
	return fmt.Sprintf("closed, %d", l.Concurrency)
}
