package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aftercare.dev/deploy/bench/journey"
	"aftercare.dev/deploy/bench/measure"
	"aftercare.dev/deploy/bench/report"
)

// kinds are those that the plan names.
func (p Plan) kinds() ([]journey.Kind, error) {
	if len(p.Kinds) == 0 {
		return journey.Kinds(), nil
	}
	var kinds []journey.Kind
	for _, name := range p.Kinds {
		k, err := journey.Named(name)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// journeys plays cases of every kind, with providers that answer at once and with some that do not.
func (r *runner) journeys(ctx context.Context, h *house) (err error) {
	kinds, err := r.Plan.kinds()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.shop.Latency(context.WithoutCancel(ctx), 0)) }()
	for _, ms := range r.Plan.Providers {
		if err := h.shop.Latency(ctx, ms); err != nil {
			return err
		}
		for _, k := range kinds {
			j, err := r.journey(ctx, h, k)
			if err != nil {
				return fmt.Errorf("%s: %w", k.Name, err)
			}
			j.ProviderSeconds = (time.Duration(ms) * time.Millisecond).Seconds()
			r.result.Journeys = append(r.result.Journeys, j)
			r.tell("%s: journeys, %s, providers take %d ms: %.1f cases/s, %.1f per CPU second, p50 %.0f ms, %d failed %s",
				h.setUp, k.Name, ms, j.PerSecond, j.PerCPUSecond, j.Case.P50*1000, j.Failed, j.FirstError)
		}
	}
	return nil
}

// journey plays cases of one kind. The first of them is not counted.
func (r *runner) journey(ctx context.Context, h *house, k journey.Kind) (report.Journey, error) {
	j := report.Journey{SetUp: h.setUp, Kind: k.Name, Concurrency: r.Plan.UnderWay, Operations: map[string]report.Latency{}, DatabaseBytes: map[string]float64{}}
	if _, err := h.shop.Case(ctx, k); err != nil {
		return j, err
	}
	if err := settle(ctx); err != nil {
		return j, err
	}
	sizes, err := h.databases.sizes(ctx)
	if err != nil {
		return j, err
	}
	before, err := measure.Read(h.pids)
	if err != nil {
		return j, err
	}
	h.shop.Operations().Reset()
	run := measure.Closed(ctx, r.Plan.UnderWay, r.Plan.Journey, func(ctx context.Context) error {
		_, err := h.shop.Case(ctx, k)
		return err
	})
	if err := settle(ctx); err != nil {
		return j, err
	}
	after, err := measure.Read(h.pids)
	if err != nil {
		return j, err
	}
	larger, err := h.databases.sizes(ctx)
	if err != nil {
		return j, err
	}
	used := after.Since(before)
	j.Done, j.Failed, j.FirstError = run.Done, run.Failed, run.FirstError
	j.TookSeconds, j.PerSecond, j.Case = run.Elapsed.Seconds(), run.PerSecond(), report.Latency(run.Latencies.Summary())
	j.CPUSeconds, j.Memory = cpuOf(used, run.Done), memoryOf(used)
	if cpu := used.Total().CPU; cpu > 0 {
		j.PerCPUSecond = float64(run.Done) / cpu
	}
	for name, latencies := range h.shop.Operations().Latencies() {
		j.Operations[name] = report.Latency(latencies.Summary())
	}
	for name, size := range larger {
		j.DatabaseBytes[name] = float64(size-sizes[name]) / float64(max(run.Done, 1))
	}
	return j, nil
}
